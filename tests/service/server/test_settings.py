"""Settings: file, environment, flags; what is wrong is named and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.entropy import system
from service.server.keys import load_or_make
from service.server.settings import Settings, SettingsRefused, check_names, limiter_url, load, store_url
from tests.support.redis_server import free_port
from tests.support.server import ending


def written(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A file sets, the environment overrides, what neither says has its default."""
    path = written(
        tmp_path, 'data = "/srv/a"\nport = 1000\ngroups = ["' + "0" * 32 + '"]\n[admission]\nreport_work = 9'
    )
    read = load(
        path, {"SOTTOVOCE_PORT": "2000", "SOTTOVOCE_OPEN_GROUPS": "true", "SOTTOVOCE_GROUPS": "1" * 32}
    )
    assert (read.data, read.port, read.open_groups, read.groups) == ("/srv/a", 2000, True, ("1" * 32,))
    assert (read.batch_seconds, read.admission.report_work) == (900, 9)
    named = load(path, {"SOTTOVOCE_REGISTRIES": f"{'a' * 64},{'b' * 64}"})
    assert (named.registries, read.registries) == (("a" * 64, "b" * 64), ())


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("", {}),
        ("data = ", {}),
        ('data = "x"\nport = ' + "1" * 5_000, {}),
        ('data = "x"\nport = ' + "1" * 100, {}),
        ('data = "x"\nport = ' + "[" * 5_000 + "]" * 5_000, {}),
        ('data = "x"', {"SOTTOVOCE_PORT": "1" * 5_000}),
        ('data = "x"\nsecret-word = 1', {}),
        ('data = "x"\nport = "secret-word"', {}),
        ('data = "x"\nport = 70000', {}),
        ('data = "x"\nstore = "secret-word"', {}),
        ('data = "x"\ngroups = ["secret-word"]', {}),
        ('data = "x"\nregistries = ["secret-word"]', {}),
        ('data = "x"\nregistries = ["' + "0" * 32 + '"]', {}),
        ('data = "x"\nworkers = 4', {}),
        ('data = "x"\n[admission]\nreport_work = 0', {}),
        ('data = "x"\n[admission]\nsecret-word = 0', {}),
        ('data = "x"', {"SOTTOVOCE_PORT": "secret-word"}),
        ('data = "x"', {"SOTTOVOCE_OPEN_GROUPS": "secret-word"}),
        ('data = "x"', {"SOTTOVOCE_STORE": "secret-word"}),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(
    tmp_path: Path, text: str, environment: dict[str, str]
) -> None:
    """The message names the place; a value, which could be a secret in the wrong line, isn't repeated."""
    with pytest.raises(SettingsRefused) as refused:
        load(written(tmp_path, text), environment)
    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('data = "x"\nprot = 8080', "unknown, perhaps `port` is meant."),
        ('data = "x"\nzzzzzz = 1', "unknown; known are data, name, host, port, "),
        ("port = 8080", "`data`, the folder, is missing"),
        (
            'data = "x"\n[admission]\nreport_wrok = 8',
            "a name in [admission] is unknown, perhaps `report_work` is",
        ),
        (
            'data = "x"\n[admission]\nzzzzzz = 8',
            "a name in [admission] is unknown; known are reports_per_hour, ",
        ),
        ('data = "x"\n[admission]\nreport_work = 0', "see admission.report_work"),
        ('data = "x"\nadmission = 7', "see admission"),
    ],
)
def test_what_is_wrong_can_be_found(tmp_path: Path, text: str, said: str) -> None:
    """Who mistypes a name learns which are near."""
    with pytest.raises(SettingsRefused) as refused:
        load(written(tmp_path, text), {})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        (
            "SOTTOVOCE_REDIS_ULR",
            "SOTTOVOCE_REDIS_ULR, which is no setting: perhaps SOTTOVOCE_REDIS_URL is meant.",
        ),
        ("SOTTOVOCE_WORKER", "perhaps SOTTOVOCE_WORKERS is meant."),
        (
            "SOTTOVOCE_ADMISSION",
            "SOTTOVOCE_ADMISSION, which is no setting: docs/operating.md has those that are",
        ),
        ("SOTTOVOCE_report_work", "SOTTOVOCE_report_work, which is no setting:"),
        ("SOTTOVOCE_\x1b[31m", "The environment has SOTTOVOCE_…, which is no setting:"),
        ("SOTTOVOCE_" + "X" * 500, "SOTTOVOCE_" + "X" * 50 + ", which is no setting:"),
    ],
)
def test_a_mistyped_variable_is_refused_by_name(variable: str, said: str) -> None:
    """Ignored, it would leave a server with other settings than its operator believes; its value may be a password."""
    with pytest.raises(SettingsRefused) as refused:
        check_names({"SOTTOVOCE_DATA": "x", variable: "redis://:hunter2@localhost"})
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)
    check_names({variable: ""})  # which counts as not set


def test_variables_that_others_need_are_let_be() -> None:
    """Every setting, what the server and `make` use themselves, and what Kubernetes makes for services."""
    names = [name.upper() for name in Settings.__struct_fields__ if name != "admission"]
    names += ["REDIS_URL", "LIMITER_URL", "FORGETTING", "SETTINGS", "SCREENS", "PINNED_NODE"]
    names += ["SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_8080_TCP", "PORT_8080_TCP_ADDR"]
    names += ["REDIS_SERVICE_HOST", "REDIS_SERVICE_PORT", "REDIS_PORT", "REDIS_PORT_6379_TCP_PROTO"]
    check_names({**{f"SOTTOVOCE_{name}": "x" for name in names}, "PATH": "x", "MY_SOTTOVOCE_THING": "x"})


def test_serve_refuses_a_mistyped_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before a folder is made."""
    monkeypatch.setenv("SOTTOVOCE_GROUP", "hidden")
    refused = ending("--data", str(tmp_path / "data"), "--port", str(free_port()))
    assert (refused.returncode, "perhaps SOTTOVOCE_GROUPS is meant" in refused.stderr) == (3, True), (
        refused.stderr
    )
    assert not (tmp_path / "data").exists()
    assert "hidden" not in refused.stderr


def test_addresses_with_passwords_come_from_where_nobody_looks(tmp_path: Path) -> None:
    """Redis' address is in the environment or in a file of its own, and not in the settings' repr."""
    file = tmp_path / "redis-url"
    file.write_text("redis://:hunter2@localhost\n", encoding="utf-8")
    settings = Settings(data="x", store="redis", redis_url_file=str(file))
    assert store_url(settings, {}) == "redis://:hunter2@localhost"
    assert store_url(settings, {"SOTTOVOCE_REDIS_URL": "redis://other"}) == "redis://other"
    assert "hunter2" not in repr(settings)
    with pytest.raises(SettingsRefused):
        store_url(Settings(data="x", store="redis"), {})
    with pytest.raises(SettingsRefused):
        store_url(Settings(data="x", store="redis", redis_url_file=str(tmp_path / "none")), {})


def test_limits_of_many_workers_are_shared() -> None:
    """One worker keeps limits in memory, several in one file, many machines in a Redis."""
    assert limiter_url(Settings(data="x"), {}) == "memory:"
    assert limiter_url(Settings(data="/x", store="redis", workers=2), {}) == "sqlite:/x/limits.db"
    assert limiter_url(Settings(data="x"), {"SOTTOVOCE_LIMITER_URL": "redis://l"}) == "redis://l"


@pytest.mark.parametrize("text", ["", "data = 7", 'data = "x"\nstore = "redis"', "port = " + "1" * 5_000])
def test_serve_refuses_with_a_sentence(tmp_path: Path, text: str) -> None:
    """Exit code 3 and one line, no traceback."""
    text = text.replace('"x"', f'"{tmp_path}/data"')
    refused = ending("--config", str(written(tmp_path, text)))
    assert refused.returncode == 3
    assert refused.stderr.startswith("sottovoce: ")
    assert "Traceback" not in refused.stderr


def test_serve_refuses_a_readable_key(tmp_path: Path) -> None:
    """A key file that others can read stops the start, with what to do."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "receipts.key").write_bytes(bytes(32))
    (data / "receipts.key").chmod(0o644)
    refused = ending("--data", str(data), "--port", str(free_port()))
    assert refused.returncode == 3
    assert "0600" in refused.stderr


@pytest.mark.parametrize("name", ["receipts.key", "filler.key"])
def test_serve_makes_no_new_key_beside_an_old_database(tmp_path: Path, name: str) -> None:
    """As after a restore that forgot the keys: receipts given before would hold no longer."""
    data = tmp_path / "data"
    load_or_make(data, system)
    (data / "store.db").touch()
    (data / name).unlink()
    refused = ending("--data", str(data), "--port", str(free_port()))
    assert (refused.returncode, f"not its {name}. Restore" in refused.stderr) == (3, True), refused.stderr
    assert not (data / name).exists()


def test_keys_that_may_change_are_made_anew(tmp_path: Path) -> None:
    """service/DATA.md says which an operator may delete."""
    made = load_or_make(tmp_path, system)
    (tmp_path / "store.db").touch()
    for name in ("admission.key", "cookie.key"):
        (tmp_path / name).unlink()
    again = load_or_make(tmp_path, system)
    assert again.receipts.verify_key() == made.receipts.verify_key()
    assert again.admission.reveal() != made.admission.reveal()


def test_an_empty_text_is_not_set() -> None:
    """compose.yaml passes variables that nobody set as empty ones."""
    read = load(
        None,
        {"SOTTOVOCE_DATA": "/srv/a", "SOTTOVOCE_ONION": "", "SOTTOVOCE_NAME": "", "SOTTOVOCE_GROUPS": ""},
    )
    assert (read.onion, read.name, read.groups) == (None, "Sottovoce", ())


@pytest.mark.parametrize("name", [name for name in Settings.__struct_fields__ if name != "admission"])
def test_an_empty_text_leaves_what_the_file_says(tmp_path: Path, name: str) -> None:
    """All but three, as docs/operating.md says: without these the server would be another one."""
    path = written(tmp_path, 'data = "/srv/a"\nport = 81\ngroups = ["' + "0" * 32 + '"]\nopen_groups = true')
    given = {f"SOTTOVOCE_{name.upper()}": ""}
    if name == "host":
        assert load(path, given).host == ""  # which is no address: the start says so
    elif name in {"data", "store"}:
        with pytest.raises(SettingsRefused, match=f"see {name}"):
            load(path, given)
    else:
        assert load(path, given) == load(path, {})


def test_every_setting_is_documented_with_its_default() -> None:
    """In docs/operating.md: an operator doesn't read the source."""
    told = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in told.splitlines() if line.startswith("| `")}
    named = {name.strip("` ") for row in rows for name in row.split(",")}
    assert named == set(Settings.__struct_fields__)
    for name in ("port", "redis_replicas", "workers", "batch_seconds"):
        row = next(line for names, line in rows.items() if f"`{name}`" in names)
        assert f"`{getattr(Settings('x'), name)}`" in row


def test_the_advice_on_the_proxy_keeps_addresses_and_answers_off_its_disk() -> None:
    """nginx' defaults log a client with each error, and write large answers and uploads to files.

    A second `error_log` on one level is written beside the first: nginx 1.22, with Debian 11's nginx.conf.
    """
    told = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    assert "each in the place of one of that name" in told
    advice = told.split("```nginx\n")[1].split("```")[0].splitlines()
    for needed in (
        "access_log off;",
        "error_log /dev/null;",
        "proxy_http_version 1.1;",
        "proxy_request_buffering off;",
        "proxy_buffering off;",
    ):
        assert needed in advice


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("sottovoceexample.onion", "http://sottovoceexample.onion"),
        ("http://sottovoceexample.onion/", "http://sottovoceexample.onion/"),
        ("https://www.sottovoceexample.onion:8443", "https://www.sottovoceexample.onion:8443"),
    ],
)
def test_an_onion_address_is_one_that_can_be_opened(given: str, shown: str) -> None:
    """Tor's `hostname` file has the name alone, which in a link would be a page of ours."""
    assert load(None, {"SOTTOVOCE_DATA": "x", "SOTTOVOCE_ONION": given}).onion == shown


@pytest.mark.parametrize(
    "given",
    ["example.org", "https://example.org/x.onion", ".onion", "a.onion b", "javascript:a.onion", "a.onion\n"],
)
def test_what_is_no_onion_address_is_refused(given: str) -> None:
    """It would be shown on every page, and in a header."""
    with pytest.raises(SettingsRefused, match="see onion"):
        load(None, {"SOTTOVOCE_DATA": "x", "SOTTOVOCE_ONION": given})
