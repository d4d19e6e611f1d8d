"""What the server's parts are given: settings, store, keys, admission, a clock and entropy. Nothing is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crypto.entropy import Entropy
from service.server.gate import Gate
from service.server.groups import Groups
from service.server.keys import ServerKeys
from service.server.polls import Polls
from service.server.polls_checking import Checker
from service.server.registries import Registries
from service.server.settings import Settings
from service.storage.protocol import Store


@dataclass(frozen=True)
class Deps:
    """Handed to every route. `clock` gives seconds since 1970 UTC."""

    settings: Settings
    store: Store
    keys: ServerKeys
    gate: Gate
    clock: Callable[[], float]
    entropy: Entropy
    groups: Groups = field(init=False)
    registries: Registries = field(init=False)
    polls: Polls = field(init=False)
    checker: Checker = field(init=False)
    to_call: set[bytes] = field(default_factory=set, init=False)
    """Ids of groups for which calls may wait, to be looked at by this process: service.server.paging."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", Groups(self.store))
        object.__setattr__(self, "registries", Registries(self.store))
        object.__setattr__(self, "polls", Polls(self.store))
        object.__setattr__(self, "checker", Checker())

    def now_s(self) -> int:
        """The time in whole seconds."""
        return int(self.clock())
