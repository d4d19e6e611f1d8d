# Everything a newcomer types. `make run` and `make test` do their own set-up, in .venv and in the
# client's node_modules; a second run repeats nothing (stamp files).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV   := .venv
BIN    := $(VENV)/bin
CLIENT := service/server/client
BUNDLE := service/server/static/app
# Wheels only: nothing from an index is built, or run, while it is being installed.
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install
LOCKED := $(PIP) --require-hashes --only-binary :all: --no-compile
# What pip does on one core, on all of them.
COMPILED = $(BIN)/python -m compileall -q -q -j 0 $(VENV)/lib || true
NODE   := .ci/with-node
# Tests start hundreds of processes: each would compile the project anew where images tell Python to keep nothing.
export PYTHONDONTWRITEBYTECODE =
# One more than the two cores that it is meant for: many tests wait for servers.
PYTEST_FLAGS ?= -n 3 --dist loadgroup

.PHONY: help install run test unit lint types imports client client-test bench lock screens system clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/runtime.stamp ## Set up the command alone, .venv/bin/sottovoce: for reporters, handlers and voters

run: $(VENV)/runtime.stamp client ## Start the demonstration: a server, a group with keys, a poll, three walk-throughs
	@$(BIN)/sottovoce demo

# Who isn't root is told first what is missing; root has it installed while pip is at work.
test: $(VENV)/python.stamp ## Check everything: style, types, layers, browser code, all tests
	@[ "$$(id -u)" = 0 ] || .ci/system
	@$(MAKE) -j 2 system $(VENV)/dev.stamp
	@$(MAKE) -j 2 types client-test lint imports
	@$(BIN)/pytest $(PYTEST_FLAGS)

unit: $(VENV)/dev.stamp client ## Run the tests that take no longer than five seconds each and need no browser
	@$(BIN)/pytest $(PYTEST_FLAGS) -m "not slow and not browser"

lint: $(VENV)/dev.stamp ## Check style and layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp ## Check types, strictly
	@$(BIN)/mypy

imports: $(VENV)/dev.stamp ## Check who may import whom
	@$(BIN)/lint-imports

client: $(BUNDLE)/manifest.json ## Build what the reporter's browser runs

client-test: $(BUNDLE)/manifest.json ## Check types and vectors of what the reporter's browser runs
	@$(NODE) npm --prefix $(CLIENT) run --silent types
	@$(NODE) npm --prefix $(CLIENT) run --silent test

bench: $(VENV)/dev.stamp client ## Run the project's benchmarks
	@for name in $$(grep -l __main__ bench/*.py | sed 's,bench/,,; s,\.py$$,,'); do \
		echo "== bench.$$name"; $(BIN)/python -m "bench.$$name" || exit 1; done

screens: $(VENV)/dev.stamp client ## Take the pictures of every page that docs/screens holds
	@SOTTOVOCE_SCREENS=1 $(BIN)/pytest -q -k "picture or summary_to_receipt or evening" tests/browser

system: ## Install (as root, on Debian) or name what the tests need from the system
	@.ci/system

clean: ## Remove all that was built
	rm -rf $(VENV) $(CLIENT)/node_modules $(CLIENT)/dist-test $(BUNDLE) *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# ---- set-up ---------------------------------------------------------------------------------

$(VENV)/python.stamp: .ci/venv
	@.ci/venv $(VENV)
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/python.stamp requirements.txt requirements-build.txt pyproject.toml
	@echo "Installing what the service needs (requirements.txt, hashes checked) ..."
	@$(LOCKED) -r requirements-build.txt -r requirements.txt
	@PYTHONWARNINGS=ignore $(PIP) --no-build-isolation --no-deps --editable .
	@$(COMPILED)
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements-dev.txt
	@echo "Installing what the tests need (requirements-dev.txt, hashes checked) ..."
	@$(LOCKED) -r requirements-dev.txt
	@$(COMPILED)
	@touch $@

$(CLIENT)/node_modules/.package-lock.json: $(CLIENT)/package-lock.json $(CLIENT)/package.json | $(VENV)/python.stamp
	@echo "Installing what the browser's code is built from (package-lock.json, digests checked) ..."
	@$(NODE) npm --prefix $(CLIENT) ci --silent
	@touch $@

$(BUNDLE)/manifest.json: $(CLIENT)/node_modules/.package-lock.json $(wildcard $(CLIENT)/src/*.ts) $(CLIENT)/build.mjs $(CLIENT)/tsconfig.json
	@$(NODE) npm --prefix $(CLIENT) run --silent build

# Pins are made against the public index only, so that their digests are everybody's.
COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --no-config --generate-hashes --allow-unsafe \
	--strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

lock: $(VENV)/dev.stamp ## Pin the Python dependencies again (after a change of pyproject.toml or requirements-*.in)
	$(COMPILE) --output-file=requirements.txt pyproject.toml
	$(COMPILE) --output-file=requirements-build.txt requirements-build.in
	$(COMPILE) --output-file=requirements-dev.txt requirements-dev.in
	$(COMPILE) --output-file=requirements-node.txt requirements-node.in
