"""Applications, invitations and consents: what a member and a registrar make, and how each is checked.

Guarantees: an application's proof binds member key, sealing key, registry and account together; evidence given for one
application serves no other. A new member's SSH signature is over `application_text`, which a person can read before
signing. Leaves to `service.cases.registry`: whether keys, accounts and invitations were used before.

The sealing key's possession is not proven: who registers a wrong one can't read summaries, and nobody else can.
"""

from __future__ import annotations

from typing import Final

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.group import Point
from crypto.hashing import digest
from crypto.labels import Label
from crypto.members import MemberKey, check_proof, prove
from crypto.seal import PublicKey
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.registry_statements import (
    Application,
    ByInvitation,
    ByOldKey,
    BySsh,
)
from service.cases.ssh_signatures import SshKey, check_ssh_signature

NAMESPACE: Final = "sottovoce-join@v1"
"""For `ssh-keygen -Y sign -n`: a signature made for anything else joins nobody."""
_POSSESSION: Final = b"possession"
_REPLACE: Final = b"replace"
_LEAVE: Final = b"leave"


def registry_id_of(root: VerifyKey) -> bytes:
    """Give the 32-byte id of the registry of a root key."""
    return digest(Label.REGISTRY_ID, root.raw)


def apply(
    registry: bytes, account: str, key: MemberKey, seal_key: PublicKey, *, entropy: Entropy
) -> Application:
    """Make an application to join, or to replace one's key. Raises Refused for an id of the wrong size."""
    if len(registry) != 32:
        raise Refused("registry: an id is 32 bytes")
    proof = prove(key, *_binding(registry, account, seal_key.raw), entropy=entropy)
    return Application(registry.hex(), account, key.public().raw, seal_key.raw, proof)


def checked_application(application: Application, registry: bytes) -> Point:
    """Check that an application is for this registry and its maker has the member key; give that key."""
    if bytes.fromhex(application.registry) != registry:
        raise Refused("registry: an application to another registry")
    member = Point(application.member_key)
    PublicKey(application.seal_key)
    check_proof(member, application.proof, *_binding(registry, application.account, application.seal_key))
    return member


def application_text(application: Application) -> bytes:
    """Give the readable bytes that the account's SSH key signs: `ssh-keygen -Y sign -n sottovoce-join@v1`."""
    lines = (
        "Sottovoce: this account joins the registry of members, or replaces its key, with these keys.",
        f"registry: {application.registry}",
        f"account: {application.account}",
        f"member key: {application.member_key.hex()}",
        f"sealing key: {digest(Label.KEY_ID, application.seal_key).hex()}",
        f"proof: {application.proof.hex()}",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def checked_ssh(application: Application, identity: BySsh) -> SshKey:
    """Check the SSH signature over an application by the key that the statement lists; give the key.

    That the account publishes this key is what the registry's root vouches for, and anyone can look up.
    """
    key = SshKey.parse_line(identity.key)
    if key.line != identity.key:
        raise Refused("registry: an SSH key is not in its one form")
    text = application_text(application)
    return check_ssh_signature(identity.signature, text, namespace=NAMESPACE, allowed=[key])


def invite(
    registrar: SigningKey, registry: bytes, account: str, *, until: str, entropy: Entropy
) -> ByInvitation:
    """Invite one account, once, until a day (YYYY-MM-DD). Whoever holds the invitation can join as that account."""
    nonce = entropy(16)
    signature = sign(registrar, Label.INVITATION, registry, account.encode(), nonce, until.encode())
    return ByInvitation(nonce.hex(), until, registrar.verify_key().raw, signature)


def checked_invitation(application: Application, invitation: ByInvitation, registry: bytes, on: str) -> None:
    """Check an invitation's signature, account and last day. Whether its registrar may invite is for the registry."""
    if on > invitation.until:
        raise Refused("registry: the invitation is no longer valid")
    verify(
        VerifyKey(invitation.registrar),
        Label.INVITATION,
        invitation.signature,
        registry,
        application.account.encode(),
        bytes.fromhex(invitation.nonce),
        invitation.until.encode(),
    )


def consent_to_replace(old: MemberKey, application: Application, *, entropy: Entropy) -> ByOldKey:
    """Say with the key in force that the application's keys take its place."""
    return ByOldKey(prove(old, _REPLACE, application_text(application), entropy=entropy))


def checked_replacement(old: Point, application: Application, consent: ByOldKey) -> None:
    """Check `consent_to_replace`."""
    check_proof(old, consent.proof, _REPLACE, application_text(application))


def consent_to_leave(key: MemberKey, registry: bytes, account: str, *, entropy: Entropy) -> ByOldKey:
    """Say with the key in force that its account leaves."""
    return ByOldKey(prove(key, _LEAVE, registry, account.encode(), entropy=entropy))


def checked_leave(key: Point, registry: bytes, account: str, consent: ByOldKey) -> None:
    """Check `consent_to_leave`."""
    check_proof(key, consent.proof, _LEAVE, registry, account.encode())


def _binding(registry: bytes, account: str, seal_key: bytes) -> tuple[bytes, ...]:
    return _POSSESSION, registry, account.encode(), seal_key
