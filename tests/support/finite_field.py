"""BELENIOS-2048 (Belenios specification §Groups): the polls' code over a group that belenios-tool 2.0 knows.

For tests only: not constant-time. A text is the element in base 10.
Python takes milliseconds for each power, so those of the generator come from a table, and a number that was once
seen to be in the subgroup is not raised again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import prod

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.secrets import Secret

P = int(
    "20694785691422546"
    "401013643657505008064922989295751104097100884787057374219242"
    "717401922237254497684338129066633138078958404960054389636289"
    "796393038773905722803605973749427671376777618898589872735865"
    "049081167099310535867780980030790491654063777173764198678527"
    "273474476341835600035698305193144284561701911000786737307333"
    "564123971732897913240474578834468260652327974647951137672658"
    "693582180046317922073668860052627186363386088796882120769432"
    "366149491002923444346373222145884100586421050242120365433561"
    "201320481118852408731077014151666200162313177169372189248078"
    "507711827842317498073276598828825169183103125680162072880719"
)
G = int(
    "2402352677501852"
    "209227687703532399932712287657378364916510075318787663274146"
    "353219320285676155269678799694668298749389095083896573425601"
    "900601068477164491735474137283104610458681314511781646755400"
    "527402889846139864532661215055797097162016168270312886432456"
    "663834863635782106154918419982534315189740658186868651151358"
    "576410138882215396016043228843603930989333662772848406593138"
    "406010231675095763777982665103606822406635076697764025346253"
    "773085133173495194248967754052573659049492477631475991575198"
    "775177711481490920456600205478127054728238140972518639858334"
    "115700568353695553423781475582491896050296680037745308460627"
)
Q = int("78571733251071885079927659812671450121821421258408794611510081919805623223441")


WINDOW = 6
"""Bits of an exponent for each row of the table."""


@cache
def powers_of_g() -> tuple[tuple[int, ...], ...]:
    """Give G to d·2^(6·row), for every d of 6 bits: each row's product of one gives any power."""
    rows, first = [], G
    for _ in range(0, Q.bit_length(), WINDOW):
        row = [1]
        for _ in range(2**WINDOW):
            row.append(row[-1] * first % P)
        first = row.pop()
        rows.append(tuple(row))
    return tuple(rows)


@cache
def in_subgroup(value: int) -> bool:
    """Whether a number is of order Q, and not one."""
    return 1 < value < P and pow(value, Q, P) == 1


class FieldSecret(Secret):
    """A secret exponent: 32 bytes, big-endian."""

    SIZE = 32
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FiniteField:
    """`polls.group.Group` over numbers modulo P."""

    @property
    def name(self) -> str:
        return "BELENIOS-2048"

    @property
    def order(self) -> int:
        return Q

    @property
    def generator(self) -> int:
        return G

    @property
    def identity(self) -> int:
        return 1

    def parse(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 700 or text[0] == "0":
            raise Refused("group element: not a decimal number")
        value = int(text)
        if not in_subgroup(value):
            raise Refused("group element: not in the subgroup")
        return value

    def text(self, element: int) -> str:
        return str(element)

    def draw(self, entropy: Entropy) -> FieldSecret:
        return self.secret(int.from_bytes(entropy(64), "big"))

    def secret(self, value: int) -> FieldSecret:
        return FieldSecret((value % Q).to_bytes(32, "big"))

    def reveal(self, secret: FieldSecret) -> int:
        return int.from_bytes(secret.reveal(), "big")

    def plus(self, left: FieldSecret, right: FieldSecret) -> FieldSecret:
        return self.secret(self.reveal(left) + self.reveal(right))

    def scaled(self, secret: FieldSecret, factor: int) -> FieldSecret:
        return self.secret(self.reveal(secret) * factor)

    def respond(self, nonce: FieldSecret, secret: FieldSecret, challenge: int) -> int:
        return (self.reveal(nonce) - self.reveal(secret) * challenge) % Q

    def base(self, exponent: int | FieldSecret) -> int:
        left, result = (exponent if isinstance(exponent, int) else self.reveal(exponent)) % Q, 1
        for row in powers_of_g():
            result = result * row[left % 2**WINDOW] % P
            left >>= WINDOW
        return result

    def power(self, element: int, exponent: int | FieldSecret) -> int:
        return pow(element, (exponent if isinstance(exponent, int) else self.reveal(exponent)) % Q, P)

    def times(self, left: int, right: int) -> int:
        return left * right % P

    def over(self, left: int, right: int) -> int:
        return left * pow(right, -1, P) % P

    def product(self, elements: Iterable[int]) -> int:
        return prod(elements) % P
