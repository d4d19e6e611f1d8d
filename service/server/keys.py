"""The server's own keys: four files of 32 bytes in the data folder, made at the first start.

None of them opens a report, a letter or a ballot. All workers and machines of one server have to hold the same files.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from abuse.routes import AdmissionKey
from crypto.entropy import Entropy
from crypto.secrets import Secret, SymmetricKey
from crypto.signatures import SigningKey
from service.server.settings import DATABASE

SIZE: Final = 32
# The others may be deleted, and are made anew. With another of these, receipts would no longer hold, and repeats of a
# report would be stored twice.
_LASTING: Final = ("receipts.key", "filler.key")
_LOST: Final = "The data folder holds a database, and not its {}. Restore the keys too, from the same backup."
S = TypeVar("S", bound=Secret)


class KeysRefused(Exception):
    """The key files can't be used. The message says what to do."""


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What a server holds."""

    admission: AdmissionKey
    """MACs puzzles and tickets."""
    receipts: SigningKey
    """Signs receipts."""
    cookie: SymmetricKey
    """Seals what the pages keep in a reporter's form."""
    filler: SymmetricKey
    """Makes the noise in empty mailbox slots."""


def load_or_make(folder: Path, entropy: Entropy) -> ServerKeys:
    """Read the keys, making those that are missing; of a server that has a database already, only what may change.

    Raises KeysRefused when a file is damaged or lost, others can read it, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (folder / DATABASE).exists() and (lost := [n for n in _LASTING if not (folder / n).exists()]):
            raise KeysRefused(_LOST.format(", ".join(lost)))
        return ServerKeys(
            admission=_key(folder / "admission.key", AdmissionKey, entropy),
            receipts=_key(folder / "receipts.key", SigningKey, entropy),
            cookie=_key(folder / "cookie.key", SymmetricKey, entropy),
            filler=_key(folder / "filler.key", SymmetricKey, entropy),
        )
    except OSError as error:
        raise KeysRefused(f"The server's keys can't be read or written: {error.strerror}.") from None


def _key(path: Path, kind: type[S], entropy: Entropy) -> S:
    with contextlib.suppress(FileExistsError):
        _make(path, entropy(SIZE))
    if path.stat().st_mode & 0o077:
        raise KeysRefused(f"{path.name} can be read by others than its owner. Make it mode 0600.")
    raw = path.read_bytes()
    if len(raw) != SIZE:
        raise KeysRefused(f"{path.name} is damaged: it has to hold 32 bytes. Restore it from a backup.")
    return kind(raw)


def _make(path: Path, raw: bytes) -> None:
    """Make a key file that exists whole or not at all, also when two workers start at once."""
    if path.exists():
        raise FileExistsError
    # Written aside and linked: the link fails if another worker was first, and never shows half a key.
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
