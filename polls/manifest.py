"""What a poll is about and by which rules, fixed before it opens. SPEC.md §3.1.

A `Manifest` that exists keeps the rules: option 0 is "No action", the last is "Abstain", every measure has a day
on which it is looked at again, an urgent poll's temporary measure has an end. Building, opening and verifying all
go through this type, so none can be done without them. Its digest φ is bound into the election's identifier, the
credentials, every ring signature, the board, the receipts and the result.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from msgspec import Struct

from crypto.errors import Refused
from crypto.hashing import digest, keyed
from crypto.labels import Label
from polls.election import Election, Question
from polls.electorate import Disclosure, Electorate, most_disclosed
from polls.encoding import base58, decode, encode, hash_hex
from polls.group import E, Group, S
from polls.outcome import Rule
from polls.trustees import Trustees

NO_ACTION: Final = "No action"
ABSTAIN: Final = "Abstain"
MAX_OPTIONS: Final = 12
MAX_TEXT: Final = 500
DAY: Final = 86_400
MAX_PAGES: Final = 100_000
LAST_SECOND: Final = 2**33
"""In March 2242. Every moment of a poll is before it, so that each can be written as a date."""
FEW: Final = 5
"""Fewer ballots than that, opened together, protect little: whoever knows who voted may tell how. SPEC.md §6."""


class Option(Struct, frozen=True, forbid_unknown_fields=True):
    """An option. `review_after_days`: from the close until it is looked at again; 0 for no action and abstaining."""

    text: str
    review_after_days: int


class Conduct(Struct, frozen=True, forbid_unknown_fields=True, tag_field="basis", tag="conduct"):
    """Mediation failed: the names of the conduct issues of the published list that apply."""

    issues: tuple[str, ...]


class Urgent(Struct, frozen=True, forbid_unknown_fields=True, tag_field="basis", tag="urgent"):
    """It could not wait: the temporary measure that holds meanwhile, and when it ends (Unix seconds)."""

    measure: str
    ends_at: int


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A poll's manifest. Times are Unix seconds; digests and keys are hexadecimal. Refused when it breaks a rule."""

    version: int
    group_id: str
    matter: str
    question: str
    options: tuple[Option, ...]
    rule: Rule
    quorum: int
    disclosure: Disclosure
    basis: Conduct | Urgent
    summary: str
    opens_at: int
    closes_at: int
    cooling_off_s: int
    archive_at: int
    page_s: int
    electorate: str
    electorate_size: int
    trustees: str
    public_key: str
    server_key: str

    def __post_init__(self) -> None:
        if self.version != 1:
            raise Refused("manifest: of another version")
        _check_options(self.options)
        _check_text(self.question)
        for value, size in (
            (self.group_id, 16),
            (self.matter, 32),
            (self.summary, 32),
            (self.electorate, 32),
            (self.trustees, 32),
            (self.server_key, 32),
        ):
            _check_hex(value, size)
        self._check_times()
        most = most_disclosed(self.electorate_size)
        if self.disclosure is Disclosure.COUNTS and most is not Disclosure.COUNTS:
            raise Refused("manifest: below 20 members only the outcome is told")
        if not 1 <= self.quorum <= self.electorate_size:
            raise Refused("manifest: the quorum is from 1 to the size of the electorate")
        match self.basis:
            case Conduct(issues):
                if not 1 <= len(issues) <= 20 or len(set(issues)) != len(issues):
                    raise Refused(
                        "manifest: needs 1 to 20 distinct conduct issues that apply, or to be urgent"
                    )
                for issue in issues:
                    _check_text(issue)
            case Urgent(measure, ends_at):
                _check_text(measure)
                if not self.opens_at < ends_at < LAST_SECOND:
                    raise Refused(
                        "manifest: the temporary measure must end after the poll opens, and before 16 March 2242"
                    )

    def _check_times(self) -> None:
        if not 0 < self.opens_at < self.closes_at < LAST_SECOND:
            raise Refused("manifest: must close after it opens")
        if self.cooling_off_s < DAY or self.archive_at < self.closes_at + self.cooling_off_s:
            raise Refused("manifest: is archived after a cooling-off of at least a day")
        if self.archive_at > self.closes_at + 3660 * DAY or self.archive_at >= LAST_SECOND:
            raise Refused("manifest: the archive date is too far away")
        if self.page_s >= LAST_SECOND:
            raise Refused("manifest: the board's interval is too long")
        if self.page_s < 1 or (self.closes_at - self.opens_at) // self.page_s > MAX_PAGES:
            raise Refused("manifest: the board's interval is too short for its duration")

    @property
    def few_may_be_opened(self) -> bool:
        """Whether the quorum lets fewer than FEW ballots be opened together."""
        return self.quorum < FEW

    @property
    def raw(self) -> bytes:
        """The manifest's one text."""
        return encode(self)

    @property
    def phi(self) -> bytes:
        """φ: 32 bytes that name the poll."""
        return _phi(self.raw)

    @property
    def abstain(self) -> int:
        """The place of "Abstain": the last."""
        return len(self.options) - 1

    @property
    def texts(self) -> tuple[str, ...]:
        """The options' texts, in order of severity, then "Abstain"."""
        return tuple(option.text for option in self.options)


@lru_cache(maxsize=64)
def _phi(raw: bytes) -> bytes:
    return digest(Label.MANIFEST, raw)


def parse_manifest(raw: bytes) -> Manifest:
    """Read a manifest; Refused unless its one text and within the rules."""
    return decode(raw, Manifest, "manifest")


def _check_options(options: tuple[Option, ...]) -> None:
    if not 3 <= len(options) <= MAX_OPTIONS:
        raise Refused("manifest: needs no action, 1 to 10 measures by severity, and abstaining")
    if options[0].text != NO_ACTION:
        raise Refused("manifest: the first option must be no action")
    if options[-1].text != ABSTAIN:
        raise Refused("manifest: the last option must be abstaining")
    for option in options:
        _check_text(option.text)
    if len({option.text.casefold() for option in options}) != len(options):
        raise Refused("manifest: two options are the same")
    if options[0].review_after_days or options[-1].review_after_days:
        raise Refused("manifest: only measures are looked at again")
    if any(not 1 <= option.review_after_days <= 3660 for option in options[1:-1]):
        raise Refused("manifest: every measure needs a day, 1 to 3660, after which it is looked at again")


def _check_text(text: str) -> None:
    # Control and format characters could make a text look like another (bidirectional overrides).
    if not 1 <= len(text) <= MAX_TEXT or text != text.strip() or text != unicodedata.normalize("NFC", text):
        raise Refused("manifest: a text is empty, too long, has outer spaces or isn't NFC")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in text):
        raise Refused("manifest: a text has invisible characters")


def _check_hex(text: str, size: int) -> None:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise Refused("manifest: a digest or key is not hexadecimal") from None
    if len(raw) != size or raw.hex() != text:
        raise Refused("manifest: a digest or key has another length or spelling")


def election_of(manifest: Manifest, trustees: Trustees[E, S]) -> Election[E, S]:
    """Give the one Belenios election of a manifest and its board: same inputs, same text, bound to φ."""
    group: Group[E, S] = trustees.group
    if manifest.trustees != trustees.hash or manifest.public_key != group.text(trustees.public_key):
        raise Refused("manifest: names another board of trustees")
    phi = manifest.phi
    return Election.make(
        group,
        uuid=base58(keyed(phi, Label.MANIFEST, b"uuid", size=40), 22),
        name="Sottovoce poll",
        description=phi.hex(),
        public_key=trustees.public_key,
        questions=(Question(manifest.question, manifest.texts),),
        administrator=manifest.group_id,
        credential_authority=manifest.electorate,
    )


def check_electorate(manifest: Manifest, electorate: Electorate) -> None:
    """Refuse an electorate that isn't the one the manifest names."""
    if (manifest.electorate, manifest.electorate_size) != (electorate.digest.hex(), electorate.size):
        raise Refused("manifest: names another electorate")


def check_summary(manifest: Manifest, sealed_summary: bytes) -> None:
    """Refuse a sealed summary that isn't the one the manifest names."""
    if manifest.summary != hash_hex(sealed_summary):
        raise Refused("manifest: names another summary")
