"""Which code may touch what: the import contracts refuse what they promise to, and what they can't say is held here.

A contract is about modules. Where what is checked in public and what needs a person's key share a module, and where a
pure module needs a date's name or an address's spelling, the names are what is allowed or not.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("crypto", "abuse", "polls", "service")
PURE = ("crypto", "abuse", "polls", "service/cases")
HOST = ("service/server", "service/storage")

# What nobody may write: the importing module, the imported one.
FORBIDDEN = [
    ("service.server.groups", "service.group_home"),
    ("service.server.groups", "service.member_keys"),
    ("service.server.groups", "service.registry_home"),
    ("service.server.groups", "service.registry_granting"),
    ("service.server.groups", "crypto.opening"),
    ("service.server.groups", "crypto.keyfiles"),
    ("service.server.groups", "polls.ceremony"),
    ("service.server.groups", "polls.tally"),
    ("service.storage.rules", "service.group_home"),
    ("service.storage.rules", "polls.channels"),
    ("service.wire.pins", "service.member_keys"),
    ("service.reporter.sending", "service.group_home"),
    ("service.reporter.sending", "crypto.opening"),
    ("service.booth.voting", "service.registry_home"),
    ("service.booth.voting", "crypto.opening"),
    ("service.desk.sync", "service.member_keys"),
    ("service.files", "service.group_cli"),
    ("service.chain_files", "service.console"),
    ("service.cases.texts", "service.member_keys"),
    *(("service.cases.texts", name) for name in ("os", "secrets", "datetime", "urllib", "subprocess")),
    *(("crypto.errors", name) for name in ("asyncio", "urllib", "http", "os", "time", "socket")),
]

# Keys that no server has. It has its own SigningKey, and for a moment a reply code that was typed into its page.
PERSONAL = {"MemberKey", "PrivateCredential", "SealingKey", "TrusteeKeys", "TrusteeSeed"}
# A share of a poll's key is a number of the group: it goes by this name wherever it is taken.
SHARE = "share"


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "lint-imports"
    env = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"}
    return subprocess.run(
        [str(tool), "--no-cache"], cwd=tree, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages, to which a test may add."""
    copy = tmp_path_factory.mktemp("layers")
    for package in PACKAGES:
        copytree(
            ROOT / package,
            copy / package,
            ignore=ignore_patterns("node_modules", "static", "*.pyc", "locales"),
        )
    (copy / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return copy


def test_every_import_is_where_it_may_be(tree: Path) -> None:
    """As the tree is, all contracts are kept."""
    kept = lint(tree)
    assert kept.returncode == 0, kept.stdout


def test_imports_that_would_break_a_promise_are_refused(tree: Path) -> None:
    """One line more each, and the contracts name every one. All at once: one round over the tree, not one each."""
    files = {tree / f"{importer.replace('.', '/')}.py" for importer, _ in FORBIDDEN}
    before = {file: file.read_text() for file in files}
    try:
        for importer, imported in FORBIDDEN:
            with (tree / f"{importer.replace('.', '/')}.py").open("a") as file:
                file.write(f"\nimport {imported}\n")
        broken = lint(tree)
    finally:
        for changed, whole in before.items():
            changed.write_text(whole)
    assert broken.returncode == 1, broken.stdout
    assert [each for each in FORBIDDEN if f"{each[0]} -> {each[1]} (l." not in broken.stdout] == []


def test_a_module_that_is_in_no_layer_is_refused(tree: Path) -> None:
    """Whoever adds one says where it belongs."""
    file = tree / "service" / "elsewhere.py"
    file.write_text("")
    try:
        assert lint(tree).returncode == 1
    finally:
        file.unlink()


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Give every module in folders, by dotted name."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in file.parts:
                yield ".".join(file.relative_to(ROOT).with_suffix("").parts), ast.parse(file.read_text())


def imported_names(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Give what a module has of others: (module, name), imported or reached through the imported module."""
    aliases: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            aliases |= {each.asname or each.name: each.name for each in node.names}
            yield from ((each.name, "") for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            aliases |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            yield from ((node.module, each.name) for each in node.names)
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in aliases:
            yield aliases[ast.unparse(node.value)], node.attr


def test_pure_modules_have_dates_and_addresses_but_no_clock_and_no_network() -> None:
    """Of datetime and urllib only what is spelt out here; no file is opened, nothing printed, no code made."""
    allowed = {
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "UTC"),
        ("datetime", "timedelta"),
        ("datetime.date", "fromisoformat"),
        ("datetime.date", "min"),
        ("datetime.datetime", "fromtimestamp"),
        *(("urllib.parse", name) for name in ("quote_plus", "unquote", "unquote_to_bytes", "urlsplit")),
    }
    doors = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
    for name, module in modules(*PURE):
        touched = {each for each in imported_names(module) if each[0].split(".")[0] in {"datetime", "urllib"}}
        assert touched <= allowed, name
        called = {
            node.func.id
            for node in ast.walk(module)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & doors, name


def keyed_functions() -> set[tuple[str, str]]:
    """Find what in the pure packages takes a person's key or a share of one, and the types of those keys."""
    found = {("crypto.members", "MemberKey"), ("crypto.seal", "SealingKey"), ("crypto.seal", "unseal")}
    for name, module in modules(*PURE):
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and node.name in PERSONAL:
                found.add((name, node.name))
            if not isinstance(node, ast.FunctionDef):
                continue
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                words = (
                    set(ast.unparse(argument.annotation).replace("[", " ").replace(",", " ").split())
                    if argument.annotation
                    else set()
                )
                if argument.arg == SHARE or words & PERSONAL:
                    found.add((name, node.name))
    return found


def test_the_server_names_nothing_that_takes_a_persons_key() -> None:
    """It checks and stores: what deals, votes, signs for a person or opens what only they can is not named."""
    keyed = keyed_functions()
    assert {
        ("polls.ceremony", "open_share"),
        ("polls.tally", "decrypt_partially"),
        ("polls.closing", "decrypt"),
        ("polls.casting", "make_cast"),
        ("polls.membership", "certify"),
        ("polls.results", "sign_statement"),
        ("polls.transcript", "answer"),
        ("polls.transcript", "share"),
        ("crypto.ring", "sign"),
        ("crypto.opening", "open_report"),
        ("service.cases.voices", "speak"),
    } <= keyed
    methods = {name for module, name in keyed if module == "polls.transcript"}
    for name, module in modules(*HOST):
        touched = set(imported_names(module))
        assert not touched & keyed, name
        if any(source == "polls.transcript" for source, _ in touched):
            attributes = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
            assert not attributes & methods, name
