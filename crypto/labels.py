"""Every domain label of the project, in one place, so that no two parts of it choose the same by chance.

A label is the BLAKE2b `person` parameter: at most 16 ASCII bytes (RFC 7693). Those with several uses, and what tells
the uses apart, stand in SPEC.md §1.2.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Label(Enum):
    """A domain of use. Two labels never give related outputs."""

    # reply codes and mailboxes (SPEC §3)
    PROOF = b"sv1 proof"
    CLAIM = b"sv1 claim"
    MAILBOX_SEED = b"sv1 mailbox seed"
    ADDRESS = b"sv1 address"
    FILLER = b"sv1 filler"
    CONFIRM = b"sv1 confirm"
    # keys (SPEC §4, §5)
    KEY_ID = b"sv1 key id"
    XWING_KEYPAIR = b"sv1 xwing"
    SEAL_REPORT = b"sv1 seal report"
    SEAL_LETTER = b"sv1 seal letter"
    SEAL_GRANT = b"sv1 seal grant"
    SEAL_RESULT = b"sv1 seal result"
    SEAL_SUMMARY = b"sv1 seal summary"
    SEAL_NOTICE = b"sv1 seal notice"
    SEAL_CONSULTATION = b"sv1 seal consult"
    SEAL_ADVICE = b"sv1 seal advice"
    KEY_FILE = b"sv1 key file"
    # envelopes and logs (SPEC §6, §7)
    ENVELOPE = b"sv1 envelope"
    BODY_KEY = b"sv1 body key"
    LOG_KEY = b"sv1 log key"
    LOG_ENTRY = b"sv1 log entry"
    COVER = b"sv1 cover"
    # signatures and chains (SPEC §8, §9)
    GROUP_ID = b"sv1 group id"
    ROSTER = b"sv1 roster"
    HANDLER_CARD = b"sv1 handler card"
    REGISTRY = b"sv1 registry"
    REGISTRY_ID = b"sv1 registry id"
    INVITATION = b"sv1 invitation"
    ASK = b"sv1 ask"
    DISMISSAL = b"sv1 dismissal"
    CHAIN_LINK = b"sv1 chain link"
    REQUEST = b"sv1 request"
    RECEIPT = b"sv1 receipt"
    LETTER = b"sv1 letter"
    NOTICE = b"sv1 notice"
    CONSULTATION = b"sv1 consultation"
    ADVICE = b"sv1 advice"
    # members, rings (SPEC §10, §11)
    MEMBER_KEY = b"sv1 member key"
    MEMBER_PROOF = b"sv1 member proof"
    RING = b"sv1 ring"
    RING_GENERATOR = b"sv1 ring gen"
    RING_HASH = b"sv1 ring hash"
    RING_NONCE = b"sv1 ring nonce"
    RING_SPLIT = b"sv1 ring split"
    VOICE = b"sv1 voice"
    SUBJECT = b"sv1 subject"
    # corroboration (abuse/SPEC)
    LIKENESS = b"sv1 likeness"
    # admission (abuse/SPEC)
    PUZZLE = b"sv1 puzzle"
    TICKET = b"sv1 ticket"
    LOT = b"sv1 lot"
    # polls (polls/SPEC)
    MANIFEST = b"sv1 manifest"
    CREDENTIAL = b"sv1 credential"
    CREDENTIAL_CERT = b"sv1 cred cert"
    BALLOT_RECEIPT = b"sv1 ballot rcpt"
    BOARD = b"sv1 board"
    RESULT = b"sv1 result"
    TRUSTEE = b"sv1 trustee"
    CEREMONY = b"sv1 ceremony"
    TRUSTEE_STREAM = b"sv1 trustee rnd"
    BALLOT_STREAM = b"sv1 ballot rnd"
    BOARD_PAGE = b"sv1 board page"
    ELECTORATE = b"sv1 electorate"
    EVIDENCE = b"sv1 evidence"
    # local faces
    DESK_STORE = b"sv1 desk store"
    COOKIE = b"sv1 cookie"
