"""A key ceremony as everybody sees it: what was said, who is due what, and the board at its end. SPEC.md §2.8.

A `Transcript` is immutable; `with_message` checks a message and gives the next transcript, so a server keeps
whatever came last and a trustee can be told at any time which step is due. A message once said can be said
again (nothing changes) but never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic

from crypto.errors import Refused
from polls.ceremony import (
    OutputWire,
    PolynomialWire,
    check_polynomial,
    commitment_to,
    make_certificate,
    make_input,
    make_output,
    make_polynomial,
    open_share,
    read_certificates,
)
from polls.channels import SignedWire, TrusteeSeed
from polls.encoding import decode, encode
from polls.group import E, Group, S
from polls.trustees import Certificate, PublicKeyWire, ThresholdWire, Trustees, check_public_key


class Step(Enum):
    """A trustee's four messages, in order, then two states in which nothing is asked of them."""

    CERTIFICATE = "certificate"
    COMMITMENT = "commitment"
    POLYNOMIAL = "polynomial"
    OUTPUT = "output"
    WAIT = "wait"
    DONE = "done"


MESSAGES = (Step.CERTIFICATE, Step.COMMITMENT, Step.POLYNOMIAL, Step.OUTPUT)


class Replaced(Refused):
    """A trustee said two different things in one step: a damaged seed, or somebody else in their place."""


Said = Mapping[Step, Mapping[int, bytes]]


def _nothing() -> Said:
    return MappingProxyType({step: MappingProxyType({}) for step in MESSAGES})


@dataclass(frozen=True)
class Transcript(Generic[E, S]):
    """A ceremony of `size` trustees, `threshold` of whom will decrypt. Places count from 1."""

    group: Group[E, S]
    size: int
    threshold: int
    said: Said = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        # A board that one trustee can open alone, or that one lost seed closes for ever, is not offered.
        if not 2 <= self.threshold < self.size:
            raise Refused("ceremony: needs at least 2 of 3, and fewer to decrypt than there are")

    def complete(self, step: Step) -> bool:
        """Whether everybody has sent this step's message."""
        return len(self.said[step]) == self.size

    def due(self, index: int) -> Step:
        """Say what the trustee at place `index` is to send now, or WAIT, or DONE."""
        for step in MESSAGES:
            if index not in self.said[step]:
                return step
            if not self.complete(step):
                return Step.WAIT
        return Step.DONE

    def ordered(self, step: Step) -> list[bytes]:
        """Give a complete step's messages, by place."""
        if not self.complete(step):
            raise Refused("ceremony: a step is not complete yet")
        return [self.said[step][index] for index in range(1, self.size + 1)]

    def certificates(self) -> tuple[Certificate[E], ...]:
        """Give everybody's certificate, checked together."""
        return read_certificates(self.group, self.ordered(Step.CERTIFICATE))

    def input_for(self, index: int) -> bytes:
        """Collect what the trustee at place `index` needs for the last step."""
        return make_input(self.ordered(Step.POLYNOMIAL), index)

    def answer(self, seed: TrusteeSeed, index: int) -> tuple[Step, bytes] | None:
        """Make the message that is due, on the trustee's own machine; None when nothing is.

        Repeating gives the same bytes. Raises BadShare, naming the dealer, in the last step. The trustee
        checks here that every polynomial is the one that was committed to before any was shown.
        """
        group = self.group
        step = self.due(index)
        match step:
            case Step.CERTIFICATE:
                message = make_certificate(group, seed, size=self.size, threshold=self.threshold, index=index)
            case Step.COMMITMENT:
                message = commitment_to(make_polynomial(group, seed, self.ordered(Step.CERTIFICATE)))
            case Step.POLYNOMIAL:
                message = make_polynomial(group, seed, self.ordered(Step.CERTIFICATE))
            case Step.OUTPUT:
                self.check_commitments()
                certificates = self.ordered(Step.CERTIFICATE)
                own = make_polynomial(group, seed, certificates)
                if own != self.said[Step.POLYNOMIAL][index]:
                    raise Replaced("ceremony: our polynomial is not the one that we sent")
                message = make_output(group, seed, certificates, self.input_for(index))
            case Step.WAIT | Step.DONE:
                return None
        return step, message

    def check_commitments(self) -> None:
        """Check that every polynomial shown is the one committed to; Refused, naming the place, if not."""
        for index, polynomial in self.said[Step.POLYNOMIAL].items():
            if commitment_to(polynomial) != self.said[Step.COMMITMENT].get(index):
                raise Refused(f"ceremony: trustee {index} shows another polynomial than committed to")

    def with_message(self, step: Step, index: int, message: bytes) -> Transcript[E, S]:
        """Check a message and give the transcript that has it; Refused for what doesn't hold or isn't due."""
        if step not in MESSAGES or not 1 <= index <= self.size:
            raise Refused("ceremony: no such step or place")
        known = self.said[step].get(index)
        if known is not None:
            if known != message:
                raise Replaced(f"ceremony: trustee {index} says something else than before")
            return self
        if self.due(index) is not step:
            raise Refused(f"ceremony: the step is not due from trustee {index}")
        self._check(step, index, message)
        grown = MappingProxyType({**self.said[step], index: message})
        after = replace(self, said=MappingProxyType({**self.said, step: grown}))
        if step is Step.CERTIFICATE and after.complete(step):
            after.certificates()
        return after

    def _check(self, step: Step, index: int, message: bytes) -> None:
        group = self.group
        match step:
            case Step.CERTIFICATE:
                certificate = Certificate.parse(group, decode(message, SignedWire, "certificate"))
                if (certificate.size, certificate.threshold, certificate.index) != (
                    self.size,
                    self.threshold,
                    index,
                ):
                    raise Refused("certificate: place, size or threshold differ")
            case Step.COMMITMENT:
                if len(message) != 32:
                    raise Refused("ceremony: a commitment is 32 bytes")
            case Step.POLYNOMIAL:
                if commitment_to(message) != self.said[Step.COMMITMENT][index]:
                    raise Refused(f"ceremony: trustee {index} shows another polynomial than committed to")
                known = tuple(self.ordered(Step.CERTIFICATE))
                _polynomial(group, known, index, message)  # type: ignore[arg-type]  # groups are frozen values
            case Step.OUTPUT:
                certificates = self.certificates()
                wire = decode(message, OutputWire, "ceremony output")
                check_public_key(
                    group, certificates[index - 1], self._polynomials(), wire.public_key, signed=True
                )
            case _:
                raise Refused("ceremony: no such step or place")

    def _polynomials(self) -> list[tuple[E, ...]]:
        certificates = tuple(self.ordered(Step.CERTIFICATE))
        return [
            _polynomial(self.group, certificates, place, raw)  # type: ignore[arg-type]  # groups are frozen values
            for place, raw in enumerate(self.ordered(Step.POLYNOMIAL), 1)
        ]

    def board(self) -> Trustees[E, S]:
        """Give the board once everybody is done, checked as any verifier will check it."""
        polynomials = [decode(raw, PolynomialWire, "polynomial") for raw in self.ordered(Step.POLYNOMIAL)]
        outputs: list[PublicKeyWire] = [
            decode(raw, OutputWire, "ceremony output").public_key for raw in self.ordered(Step.OUTPUT)
        ]
        wire = ThresholdWire(
            threshold=self.threshold,
            certs=[decode(raw, SignedWire, "certificate") for raw in self.ordered(Step.CERTIFICATE)],
            coefexps=[each.coefexps for each in polynomials],
            signatures=[each.signature for each in polynomials],
            verification_keys=outputs,
        )
        return Trustees.parse(self.group, encode([("Pedersen", wire)]))

    def share(self, seed: TrusteeSeed, index: int) -> S:
        """Give the trustee's share of the key, on their own machine; Refused unless it is the one published."""
        wire = decode(self.ordered(Step.OUTPUT)[index - 1], OutputWire, "ceremony output")
        share = open_share(self.group, seed, wire.private_key)
        if self.group.text(self.group.base(share)) != wire.public_key.public_key:
            raise Refused("decryption key: not the one published")
        return share


# Whoever replays a ceremony needs every polynomial again for each output; a board has 32 at most.
@lru_cache(maxsize=64)
def _polynomial(
    group: Group[Any, Any], certificates: tuple[bytes, ...], place: int, raw: bytes
) -> tuple[Any, ...]:
    return check_polynomial(group, read_certificates(group, certificates), place, raw)
