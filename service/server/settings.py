"""What an operator can set: from a TOML file, then the environment, then flags; later ones win. docs/operating.md.

Secrets are never flags. The address of a Redis store may hold a password, so it comes from the environment
(`SOTTOVOCE_REDIS_URL`) or a file that the settings name (`redis_url_file`); so does the address of the limits' own
Redis (`SOTTOVOCE_LIMITER_URL`), without which limits are kept in memory or, for several workers, in a file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Onion = Annotated[str, Meta(max_length=100, pattern=r"^(https?://)?([a-z0-9-]+\.)+onion(:[0-9]{1,5})?/?\Z")]
PerHour = Annotated[int, Meta(ge=60, le=36_000_000)]
Burst = Annotated[int, Meta(ge=4, le=4_096)]
LetterBurst = Annotated[int, Meta(ge=64, le=4_096)]  # a batch of 64 letters must fit
EntryBurst = Annotated[int, Meta(ge=1_024, le=4_096)]  # a batch of 64 entries of 16 KiB must fit
Work = Annotated[int, Meta(ge=1, le=131_072)]
WaitS = Annotated[int, Meta(ge=0, le=600)]
ENV = "SOTTOVOCE_"
DATABASE = "store.db"
"""SQLite's file in the data folder."""


class SettingsRefused(Exception):
    """The settings can't be used. The message says which one, and never shows its value."""


class AdmissionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What admission may let in; abuse/SPEC.md says what each one stops. None of them is per client."""

    reports_per_hour: PerHour = 18_000
    reports_burst: Burst = 240
    group_reports_per_hour: PerHour = 9_000
    group_reports_burst: Burst = 60
    group_bulk_per_hour: PerHour = 360
    group_bulk_burst: Burst = 9
    mailbox_opens_per_hour: PerHour = 36_000
    mailbox_opens_burst: Burst = 240
    casts_per_hour: PerHour = 9_000
    """Ballots of all polls; checking one takes a small machine 5 to 70 ms, by the size of the electorate."""
    casts_burst: Burst = 120
    handler_letters_per_hour: PerHour = 600
    """Letters that one handler may post, to all mailboxes together, each 9,328 bytes; so that a rogue handler can't
    fill the disk with mailboxes that nobody owns: at most 134 MB a day."""
    handler_letters_burst: LetterBurst = 2_048
    handler_entries_per_hour: PerHour = 2_400
    """Log entries of 1 KiB that one handler may add to reports; a grant counts as one, an entry of 16 KiB as 16; so
    that a rogue handler can't fill the disk with logs: at most 64 MB a day."""
    handler_entries_burst: EntryBurst = 4_096
    report_work: Work = 16_384
    """Mean hashes of each of a puzzle's 16 parts while it is calm; at most eight times as many."""
    mailbox_work: Work = 2_048
    report_wait_s: WaitS = 20
    """How long a ticket ripens while it is calm; at most six times as long."""
    mailbox_wait_s: WaitS = 3
    cast_work: Work = 8_192
    cast_wait_s: WaitS = 10


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """A server's settings. Times are in seconds."""

    data: Annotated[str, Meta(min_length=1)]
    """Folder for keys and, with SQLite, everything else."""
    name: Annotated[str, Meta(min_length=1, max_length=120)] = "Sottovoce"
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    store: Literal["sqlite", "redis"] = "sqlite"
    redis_url_file: str | None = None
    redis_replicas: Annotated[int, Meta(ge=0, le=16)] = 0
    """How many replicas must have a write before it is acknowledged."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    groups: tuple[Hex16, ...] = ()
    """Groups that may be founded here."""
    registries: tuple[Hex32, ...] = ()
    """Registries of members that may be founded here."""
    open_groups: bool = False
    """Let anyone found a group or a registry: for demonstrations and tests."""
    batch_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 900
    """How long reports are gathered before handlers see them. 0: at once, for demonstrations and tests."""
    paging: str | None = None
    """A program that calls people when someone is in danger; see service.server.paging."""
    onion: Onion | None = None
    """The onion address to show, if there is one. `load` puts `http://` before a bare name, as Tor's file has it."""
    exit_url: Annotated[str, Meta(max_length=200, pattern=r"^https://[^\s\"'<>]+\Z")] = (
        "https://www.wikipedia.org/"
    )
    """Where the pages' quick exit leads: a site that nobody wonders about."""
    admission: AdmissionSettings = AdmissionSettings()

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.data)


_NUMBERS = {"port", "workers", "batch_seconds", "redis_replicas"}
_FLAGS = {"open_groups"}
_TEXTS = {"data", "name", "host", "store", "redis_url_file", "onion", "exit_url", "paging"}
_LISTS = {"groups", "registries"}
_SECRETS = {"redis_url", "limiter_url"}
_NOT_SETTINGS = {"settings", "forgetting", "pinned_node", "screens"}  # the server's own, and the Makefile's
# What Kubernetes gives everybody beside a service that is called sottovoce or sottovoce-…
_PLATFORM = re.compile(rf"{ENV}((\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)|\w+_PORT)")
_EMPTY_IS_WRONG = {"data", "host", "store"}  # elsewhere not set, as compose.yaml passes what nobody set


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings from a TOML file (if any) and `SOTTOVOCE_<NAME>` variables. Raises SettingsRefused."""
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    if path is not None:
        try:
            with path.open("rb") as file:
                values.update(tomllib.load(file))
        except FileNotFoundError:
            raise SettingsRefused("The settings file does not exist.") from None
        except (
            OSError,
            ValueError,
            RecursionError,
        ):  # no TOML or UTF-8, a number of 4,301 digits, 1,000 brackets
            raise SettingsRefused("The settings file can't be read: it has to be TOML.") from None
    values.update(_from_environment(environment))
    try:
        settings = msgspec.convert(values, type=Settings)
    except msgspec.ValidationError as refused:
        raise SettingsRefused(f"A setting is wrong: {_place(refused, values)}.") from None
    if settings.store == "sqlite" and settings.workers != 1:
        raise SettingsRefused("SQLite takes one worker. Use Redis for more.")
    if settings.onion is not None and "://" not in settings.onion:
        return replace(settings, onion=f"http://{settings.onion}")
    return settings


def check_names(environment: Mapping[str, str]) -> None:
    """Refuse a variable that begins as a setting's does and is none: mistyped, it would be ignored.

    Its name is said, and its value never. An empty one counts as not set. Raises SettingsRefused.
    """
    names = _NUMBERS | _FLAGS | _TEXTS | _LISTS | _SECRETS
    known = {ENV + name.upper() for name in names | _NOT_SETTINGS}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENV) or variable in known or not value or _PLATFORM.fullmatch(variable):
            continue
        near = get_close_matches(variable.removeprefix(ENV)[:60].lower(), names, 1)
        named = variable[:60] if variable.isascii() and variable.isprintable() else f"{ENV}…"
        meant = f"perhaps {ENV}{near[0].upper()} is meant" if near else "docs/operating.md has those that are"
        raise SettingsRefused(
            f"The environment has {named}, which is no setting: {meant}. Rename or unset it."
        )


def store_url(settings: Settings, environment: Mapping[str, str] | None = None) -> str:
    """Give the store's address as service.storage.addresses reads it. It may hold a password: never print it."""
    environment = os.environ if environment is None else environment
    if settings.store == "sqlite":
        return f"sqlite://{(settings.folder / DATABASE).absolute()}"
    if url := environment.get(ENV + "REDIS_URL"):
        return url
    if settings.redis_url_file is None:
        raise SettingsRefused("Set SOTTOVOCE_REDIS_URL, or redis_url_file in the settings.")
    try:
        return Path(settings.redis_url_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsRefused("The file with the address of Redis can't be read.") from None


def limiter_url(settings: Settings, environment: Mapping[str, str] | None = None) -> str:
    """Give the limiter's address as service.storage.limiters reads it. It may hold a password: never print it."""
    environment = os.environ if environment is None else environment
    if url := environment.get(ENV + "LIMITER_URL"):
        return url
    return "memory:" if settings.workers == 1 else f"sqlite:{(settings.folder / 'limits.db').absolute()}"


def to_environment(settings: Settings) -> dict[str, str]:
    """Write the settings, whole and without secrets, into one variable for the workers that serve them."""
    return {ENV + "SETTINGS": msgspec.json.encode(settings).decode()}


def from_environment() -> Settings:
    """Read what `to_environment` wrote."""
    return msgspec.json.decode(os.environ[ENV + "SETTINGS"], type=Settings)


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in sorted(_NUMBERS | _FLAGS | _TEXTS | _LISTS):
        text = environment.get(ENV + name.upper())
        if text is None or (not text and name not in _EMPTY_IS_WRONG):
            continue
        if name in _NUMBERS:
            if not (text.isascii() and text.isdigit() and len(text) <= 20):
                raise SettingsRefused(f"A setting is wrong: {ENV}{name.upper()} has to be a number.")
            values[name] = int(text)
        elif name in _FLAGS:
            if text not in {"true", "false"}:
                raise SettingsRefused(f"A setting is wrong: {ENV}{name.upper()} has to be true or false.")
            values[name] = text == "true"
        elif name in _LISTS:
            values[name] = tuple(piece for piece in text.split(",") if piece)
        else:
            values[name] = text
    return values


def _place(refused: msgspec.ValidationError, values: Mapping[str, object]) -> str:
    """Name the place of a wrong setting; msgspec's text would repeat its value only for enumerations, so drop it.

    An unknown name is not repeated: a value may stand in its place. The known one that is nearest to it is said.
    """
    what, at, place = str(refused).rpartition(" - at `")
    place = place.rstrip("`").removeprefix("$.")
    if at and not what.startswith("Object contains unknown field"):
        return f"see {place}"
    table: object = values.get(place) if at else values
    known = AdmissionSettings.__struct_fields__ if at else Settings.__struct_fields__
    unknown = [name for name in table if name not in known] if isinstance(table, dict) else []
    if not at and not unknown:
        return "`data`, the folder, is missing"
    near = [one for name in unknown for one in get_close_matches(name[:40], known, 1)]
    return f"a name{f' in [{place}]' if at else ''} is unknown" + (
        f", perhaps `{near[0]}` is meant" if near else f"; known are {', '.join(known)}"
    )
