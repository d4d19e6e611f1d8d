"""What is installed is what was pinned, by digest, and nothing says from which host it came."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import textwrap
import tomllib
from pathlib import Path

import pytest
import redis
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from service.server.serve import GRACE_S
from service.server.settings import load
from service.storage.addresses import open_store
from service.storage.protocol import StoreRefused
from tests.support.redis_server import INSTALL_HINT, free_port, wait_until

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


PYTHONS = ("3.11.0", "3.11.2", "3.11.9", "3.12.0", "3.13.0", "3.14.0")


def test_every_python_finds_all_it_needs_pinned() -> None:
    """Pins are made with one Python; a requirement that only another one has would stop its installation."""
    pinned = _pins("requirements.txt")
    missing: set[tuple[str, str, str]] = set()
    for name in pinned:
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            for version in PYTHONS:
                python = {
                    "python_full_version": version,
                    "python_version": version.rpartition(".")[0],
                    "extra": "",
                }
                wanted = needed.marker is None or needed.marker.evaluate(python)
                if wanted and canonicalize_name(needed.name) not in pinned:
                    missing.add((name, needed.name, version))
    assert not missing


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


# ---- the image and its Redis --------------------------------------------------------------------------


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, lines joined, comments dropped."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def _last_stage() -> list[tuple[str, str]]:
    instructions = _instructions()
    starts = [at for at, (name, _) in enumerate(instructions) if name == "FROM"]
    return instructions[starts[-1] :]


def test_the_image_copies_only_what_exists() -> None:
    """Every source of a COPY is in the repository or in an earlier stage."""
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    stages, copied = set(), set()
    for name, rest in _instructions():
        assert name in known | {"ENTRYPOINT", "CMD"}
        if name == "FROM" and " AS " in rest:
            stages.add(rest.rsplit(" AS ", 1)[1])
        if name != "COPY":
            continue
        flags = [word for word in rest.split() if word.startswith("--")]
        *sources, _target = (word for word in rest.split() if not word.startswith("--"))
        if flags:
            assert flags[0].removeprefix("--from=") in stages
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            copied.add(source)
    wanted = {"crypto", "abuse", "polls", "service", "pyproject.toml", "requirements.txt"}
    assert wanted <= copied, "the image lacks a package"


def test_the_image_runs_as_nobody_special_and_writes_to_one_volume() -> None:
    """Two stages, no build tools in the second, a user without a shell, one volume, no shell around the server."""
    assert sum(name == "FROM" for name, _ in _instructions()) == 2
    stage = _last_stage()
    named: dict[str, list[str]] = {}
    for name, rest in stage:
        named.setdefault(name, []).append(rest)
    assert named["USER"] == ["sottovoce"]
    assert "--shell /usr/sbin/nologin sottovoce" in named["RUN"][0]
    assert named["VOLUME"] == ["/data"]
    assert json.loads(named["ENTRYPOINT"][0]) == ["sottovoce"]
    assert json.loads(named["CMD"][0]) == ["serve"]
    names = [name for name, _ in stage]
    assert names.index("USER") > names.index("RUN"), "the user is set after the last command run as root"
    assert all("pip" not in rest for name, rest in stage if name == "RUN")


def test_compose_waits_longer_than_the_server_takes_to_stop() -> None:
    """Or else a form that comes in slowly has the server killed before its own time for that is over."""
    found = re.search(r"^    stop_grace_period: (\d+)s ", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert found is not None
    assert int(found[1]) > GRACE_S


def test_the_documented_unit_waits_longer_too_and_does_not_give_up(tmp_path: Path) -> None:
    """systemd gives up after five starts in ten seconds, and a server that can't start ends in less than one."""
    section = (ROOT / "docs/operating.md").read_text().split("## Setting it up\n")[1].split("\n## ")[0]
    (unit,) = re.findall(r"```ini\n(.*?)```", section, re.DOTALL)
    said = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] != "#")
    assert int(said["TimeoutStopSec"]) > GRACE_S
    assert int(said["RestartSec"]) >= 3
    assert said["Restart"] == "on-failure"
    assert "time-sync.target" in said["After"], "reports are listed by the time at which they came"
    assert said["KillMode"] == "mixed", "the server ends its workers, once they are done"
    (settings,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    (tmp_path / "settings.toml").write_text(settings)
    assert load(tmp_path / "settings.toml", {}).data == f"/var/lib/{said['StateDirectory']}"
    targets = re.findall(r"^make -C \S+ (.*)$", section, re.MULTILINE)
    assert [target.split() for target in targets] == [["install", "client"]]


def _compose_command() -> str:
    """The shell command of compose.yaml's Redis, as the container's /bin/sh gets it."""
    found = re.search(r"^      - \|\n((?: {8}.*\n)+)", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert found is not None
    return textwrap.dedent(found[1]).replace("$$", "$")


@pytest.mark.redis
@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, None),
        ({"maxmemory-policy noeviction": "maxmemory-policy allkeys-lru"}, "noeviction"),
        ({"appendonly yes": "appendonly no"}, "appendonly"),
        ({"appendfsync always": "appendfsync everysec"}, "appendfsync"),
    ],
)
async def test_the_redis_of_compose_is_one_the_server_starts_on(
    tmp_path: Path, change: dict[str, str], refused: str | None
) -> None:
    """That command, but for folders and port, gives a Redis that passes and that SIGTERM ends; spoiled ones don't."""
    assert shutil.which("redis-server") is not None, INSTALL_HINT
    port, password = free_port(), "not-a-secret"
    (tmp_path / "redis_password").write_text(password)
    shell = _compose_command()
    for old, new in {
        "/run/secrets": str(tmp_path),
        "dir /data": f"dir {tmp_path}\nport {port}\nbind 127.0.0.1",
        **change,
    }.items():
        assert old in shell
        shell = shell.replace(old, new)
    process = subprocess.Popen(["/bin/sh", "-c", shell], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port, password=password) as client:
            wait_until(lambda: _answers(client), what="redis-server")
            assert client.info("server")["process_id"] == process.pid, (
                "a shell stays, and SIGTERM ends with it"
            )
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        if refused is None:
            store = await open_store(url)
            await store.healthy()
            await store.close()
        else:
            with pytest.raises(StoreRefused, match=refused):
                await open_store(url)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)


def test_the_redis_of_compose_does_not_start_without_its_password(tmp_path: Path) -> None:
    """A secret that can't be read ends the command before Redis; it doesn't become an empty password."""
    shell = _compose_command().replace("/run/secrets", str(tmp_path))
    ended = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=10, check=False)
    assert ended.returncode != 0
    assert "redis_password" in ended.stderr
    assert not ended.stdout


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
