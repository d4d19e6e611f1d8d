"""What is installed is what was pinned, by digest, and nothing says from which host it came."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt", "requirements-node.txt")
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[0-9][^ ;\\]*)", re.MULTILINE)


def _pins(name: str) -> dict[str, str]:
    return {found["name"]: found["version"] for found in _PIN.finditer((ROOT / name).read_text())}


def _wanted(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("name", PINNED)
def test_every_pin_has_digests_and_no_host(name: str) -> None:
    """Each requirement is one version with SHA-256 digests; no index, link or path is named."""
    text = (ROOT / name).read_text()
    blocks = re.split(r"^(?=[a-z0-9][a-z0-9.-]*==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(_pins(name)) > 0
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    for word in ("://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ ", "file:/"):
        assert word not in text


def test_what_pyproject_needs_is_pinned() -> None:
    """A dependency that was added without `make lock` is found here, and so is one pinned in two versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = _pins("requirements.txt")
    assert {_wanted(each) for each in project["project"]["dependencies"]} <= set(runtime)
    assert {_wanted(each) for each in project["build-system"]["requires"]} <= set(
        _pins("requirements-build.txt")
    )
    wanted = (ROOT / "requirements-dev.in").read_text().splitlines()
    dev = _pins("requirements-dev.txt")
    assert {_wanted(line) for line in wanted if line and line[0] not in "#-"} <= set(dev)
    assert {name: dev[name] for name in dev if name in runtime} == {
        name: runtime[name] for name in runtime if name in dev
    }


def test_the_browsers_packages_are_pinned_by_digest() -> None:
    """package-lock.json has an integrity for every package and the address of none."""
    folder = ROOT / "service" / "server" / "client"
    lock = json.loads((folder / "package-lock.json").read_text())
    package = json.loads((folder / "package.json").read_text())
    assert "://" not in (folder / ".npmrc").read_text()
    for name, entry in lock["packages"].items():
        if name:
            assert entry["integrity"].startswith("sha512-"), name
            assert "resolved" not in entry, name
    for version in (*package["dependencies"].values(), *package["devDependencies"].values()):
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
