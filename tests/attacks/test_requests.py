"""Malformed requests, one by one: each has its status and problem type, repeats no input, and changes nothing.

design.md §12: field splicing, replay across route and group, giant and deeply nested bodies, header spoofing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from crypto.entropy import system
from crypto.envelope import MAX_ENVELOPE, seal_envelope
from service.cases import rosters
from service.wire import calls, shapes
from service.wire.problems import Kind
from tests.support.groups import Group, Member
from tests.support.inprocess import World, in_process

CANARY = "canary-7f3a"
BYTES = "application/octet-stream"
JSON = "application/json"


@dataclass
class Sent:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Scene:
    """The server, two groups, and a way to make good requests to spoil."""

    world: World
    group: Group
    other: Group

    async def report(self, envelope: bytes, *, group: Group | None = None, **headers: str) -> Sent:
        target = group or self.group
        token = await self.world.token(target)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Sent(
            "POST",
            f"/v1/groups/{target.id.hex()}/reports",
            envelope,
            BYTES,
            {"Sottovoce-Admission": token, **named},
        )

    async def burn(self, body: bytes, group: Group | None = None) -> Sent:
        token = await self.world.token(group or self.group)
        return Sent("POST", "/v1/mailboxes/burn", body, BYTES, {"Sottovoce-Admission": token})

    def signed(self, call: calls.Call[object], body: bytes | None = None) -> Sent:
        if body is not None:
            from dataclasses import replace

            call = replace(call, body=body)
        method, url, headers, raw = self.world.client.request(call)
        content_type = headers.pop("Content-Type", None)
        return Sent(method, url.removeprefix("http://localhost"), raw, content_type, headers)

    def batch(self, text: object) -> Sent:
        raw = text if isinstance(text, bytes) else json.dumps(text).encode()
        good = calls.batch(self.group.signer("Ada"), [shapes.Recuse("00" * 16, "00" * 16, "00" * 16)])
        return self.signed(good, raw)

    def json(self, path: str, text: object, **headers: str) -> Sent:
        raw = text if isinstance(text, bytes) else json.dumps(text).encode()
        return Sent(
            "POST", path, raw, JSON, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def statement(self, raw: bytes, group: Group | None = None) -> Sent:
        gid = (group or self.group).id.hex()
        return self.json(f"/v1/groups/{gid}/roster", {"statement": base64.b64encode(raw).decode()})


Make = Callable[[Scene], Awaitable[Sent]]
CASES: list[tuple[str, Kind, Make]] = []


def case(kind: Kind) -> Callable[[Make], Make]:
    """Add a row to the table; its name is the function's."""

    def add(make: Make) -> Make:
        CASES.append((make.__name__, kind, make))
        return make

    return add


def rows(kind: Kind, makes: dict[str, Make]) -> None:
    CASES.extend((name, kind, make) for name, make in makes.items())


def simply(sent: Callable[[Scene], Sent]) -> Make:
    async def make(scene: Scene) -> Sent:
        return sent(scene)

    return make


def spoiled(spoil: Callable[[bytearray], bytes | bytearray]) -> Make:
    """A good envelope, spoiled."""

    async def make(scene: Scene) -> Sent:
        return await scene.report(bytes(spoil(bytearray(scene.group.seal()))))

    return make


def put(at: int, *values: int) -> Callable[[bytearray], bytearray]:
    def spoil(raw: bytearray) -> bytearray:
        raw[at : at + len(values)] = bytes(values)
        return raw

    return spoil


def swapped(raw: bytearray) -> bytearray:
    first, second = raw[51:67], raw[67:83]
    raw[51:67], raw[67:83] = second, first
    return raw


def twice(raw: bytearray) -> bytearray:
    raw[67:83] = raw[51:67]
    return raw


rows(
    Kind.ENVELOPE,
    {
        "empty_envelope": spoiled(lambda raw: b""),
        "one_byte": spoiled(lambda raw: raw[:1]),
        "truncated_header": spoiled(lambda raw: raw[:40]),
        "truncated_by_one": spoiled(lambda raw: raw[:-1]),
        "one_byte_more": spoiled(lambda raw: raw + b"\0"),
        "version_0": spoiled(put(0, 0)),
        "version_2": spoiled(put(0, 2)),
        "size_class_6": spoiled(put(1, 6)),
        "size_class_255": spoiled(put(1, 255)),
        "size_class_of_another_length": spoiled(put(1, 1)),
        "no_recipients": spoiled(put(50, 0)),
        "too_many_recipients": spoiled(put(50, 33)),
        "one_recipient_more_than_wraps": spoiled(put(50, 4)),
        "one_recipient_less_than_wraps": spoiled(put(50, 2)),
        "recipients_not_in_order": spoiled(swapped),
        "recipient_twice": spoiled(twice),
        "json_for_an_envelope": spoiled(lambda raw: b'{"what": "happened"}'),
        "zeros": spoiled(lambda raw: bytes(len(raw))),
    },
)
rows(
    Kind.WRONG_GROUP,
    {"group_spliced": spoiled(put(2, 1, 2, 3)), "group_of_zeros": spoiled(put(2, *bytes(16)))},
)
rows(
    Kind.UNKNOWN_ROSTER,
    {"roster_spliced": spoiled(put(18, 1, 2, 3)), "roster_of_zeros": spoiled(put(18, *bytes(32)))},
)


@case(Kind.WRONG_GROUP)
async def envelope_of_another_group(scene: Scene) -> Sent:
    return await scene.report(scene.other.seal())


@case(Kind.WRONG_RECIPIENTS)
async def stranger_among_the_recipients(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=[*scene.group.handlers[:2], Member.draw("Eve")]))


@case(Kind.WRONG_RECIPIENTS)
async def handler_of_another_group(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=[*scene.group.handlers[:2], scene.other.handlers[0]]))


@case(Kind.TOO_FEW_RECIPIENTS)
async def fewer_than_the_minimum(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=scene.group.handlers[:1]))


@case(Kind.NOT_FOUND)
async def report_to_an_unknown_group(scene: Scene) -> Sent:
    stranger = Group.draw("Nowhere")
    token = await scene.world.token(scene.group)
    path = f"/v1/groups/{stranger.id.hex()}/reports"
    return Sent("POST", path, stranger.seal(), BYTES, {"Sottovoce-Admission": token})


@case(Kind.TOO_LARGE)
async def envelope_over_the_cap(scene: Scene) -> Sent:
    return await scene.report(bytes(MAX_ENVELOPE + 1))


@case(Kind.MEDIA_TYPE)
async def report_as_json(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    sent.content_type = JSON
    return sent


@case(Kind.MEDIA_TYPE)
async def report_without_a_type(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    sent.content_type = None
    return sent


@case(Kind.MEDIA_TYPE)
async def report_compressed(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Content_Encoding="gzip")


@case(Kind.BAD_REQUEST)
async def urgent_neither_0_nor_1(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Urgent=CANARY)


@case(Kind.ADMISSION_MISSING)
async def report_without_a_token(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    del sent.headers["Sottovoce-Admission"]
    return sent


@case(Kind.ADMISSION_REFUSED)
async def token_of_nonsense(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Admission=CANARY)


@case(Kind.ADMISSION_REFUSED)
async def token_too_long(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Admission="A" * 2_000)


@case(Kind.ADMISSION_REFUSED)
async def token_of_another_group(scene: Scene) -> Sent:
    token = await scene.world.token(scene.other)
    return await scene.report(scene.group.seal(), Sottovoce_Admission=token)


@case(Kind.ADMISSION_REFUSED)
async def token_of_another_route(scene: Scene) -> Sent:
    from service.wire.puzzles import solve

    token = solve(await scene.world.client.do(calls.challenge(bytes(16), "mailbox")))
    return await scene.report(scene.group.seal(), Sottovoce_Admission=token)


@case(Kind.ADMISSION_REFUSED)
async def token_with_one_bit_changed(scene: Scene) -> Sent:
    token = await scene.world.token(scene.group)
    at = len(token) // 3
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    return await scene.report(scene.group.seal(), Sottovoce_Admission=changed)


@case(Kind.HEADERS_TOO_LARGE)
async def headers_of_nine_kilobytes(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), X_Padding="x" * 9_000)


rows(
    Kind.MALFORMED_PATH,
    {
        "group_id_in_capitals": simply(lambda s: Sent("GET", f"/v1/groups/{'A' * 32}/roster")),
        "group_id_too_short": simply(lambda s: Sent("GET", f"/v1/groups/{'a' * 31}/roster")),
        "group_id_too_long": simply(lambda s: Sent("GET", f"/v1/groups/{'a' * 33}/roster")),
        "group_id_of_markup": simply(lambda s: Sent("GET", f"/v1/groups/<script>{CANARY}/roster")),
        "group_id_of_fullwidth_digits": simply(lambda s: Sent("GET", f"/v1/groups/{'１' * 32}/roster")),
        "path_traversal": simply(lambda s: Sent("GET", f"/v1/groups/..%2f..%2f{CANARY}/roster")),
        "unknown_path": simply(lambda s: Sent("GET", f"/v1/{CANARY}")),
        "unknown_version": simply(lambda s: Sent("GET", "/v2/server")),
        "unknown_admission_route": simply(
            lambda s: Sent("GET", f"/v1/admission/{s.group.id.hex()}/{CANARY}")
        ),
        "report_id_malformed": simply(
            lambda s: s.signed(calls.Call("GET", f"/v1/groups/{s.group.id.hex()}/reports/{CANARY}", bytes))
        ),
    },
)
rows(
    Kind.METHOD,
    {
        "delete_a_roster": simply(lambda s: Sent("DELETE", f"/v1/groups/{s.group.id.hex()}/roster")),
        "get_the_reports": simply(lambda s: Sent("GET", f"/v1/groups/{s.group.id.hex()}/reports")),
        "put_a_report": simply(lambda s: Sent("PUT", f"/v1/groups/{s.group.id.hex()}/reports", b"x", BYTES)),
        "get_a_mailbox": simply(lambda s: Sent("GET", "/v1/mailboxes/open")),
        "trace": simply(lambda s: Sent("TRACE", "/v1/server")),
    },
)
rows(
    Kind.NOT_FOUND,
    {
        "roster_of_an_unknown_group": simply(lambda s: Sent("GET", f"/v1/groups/{'0' * 32}/roster")),
        "challenge_for_an_unknown_group": simply(lambda s: Sent("GET", f"/v1/admission/{'0' * 32}/reports")),
    },
)
rows(
    Kind.MALFORMED_QUERY,
    {
        "query_where_none_is": simply(lambda s: Sent("GET", f"/v1/server?{CANARY}=1")),
        "query_without_a_value": simply(lambda s: Sent("GET", "/v1/groups?x")),
        "cursor_not_hex": simply(
            lambda s: s.signed(
                calls.Call("GET", f"/v1/groups/{s.group.id.hex()}/feed?cursor={CANARY}", bytes)
            )
        ),
        "cursor_of_the_wrong_length": simply(lambda s: s.signed(calls.feed(s.group.signer("Ada"), "00"))),
        "cursor_twice": simply(
            lambda s: s.signed(
                calls.Call("GET", f"/v1/groups/{s.group.id.hex()}/feed?cursor=&cursor=", bytes)
            )
        ),
        "another_name_for_the_cursor": simply(
            lambda s: s.signed(calls.Call("GET", f"/v1/groups/{s.group.id.hex()}/feed?after=00", bytes))
        ),
        "log_number_negative": simply(
            lambda s: s.signed(calls.read_log(s.group.signer("Ada"), s.group.id, bytes(16), -1))
        ),
        "log_number_of_other_digits": simply(
            lambda s: s.signed(
                calls.Call("GET", f"/v1/groups/{s.group.id.hex()}/reports/{'0' * 32}/log?after=%D9%A1", bytes)
            )
        ),
    },
)

DEEP = b"[" * 100_000
CLAIM = base64.b64encode(bytes(32)).decode()
OPEN = "/v1/mailboxes/open"
rows(
    Kind.MALFORMED_JSON,
    {
        "empty_json": simply(lambda s: s.json(OPEN, b"")),
        "half_json": simply(lambda s: s.json(OPEN, b'{"claim": "')),
        "json_not_utf8": simply(lambda s: s.json(OPEN, b'{"claim": "\xff\xfe", "page": 0}')),
        "json_with_more_behind": simply(lambda s: s.json(OPEN, f'{{"claim":"{CLAIM}","page":0}} x'.encode())),
        "json_list": simply(lambda s: s.json(OPEN, [CLAIM, 0])),
        "unknown_field": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": 0, CANARY: 1})),
        "missing_field": simply(lambda s: s.json(OPEN, {"claim": CLAIM})),
        "claim_too_short": simply(lambda s: s.json(OPEN, {"claim": "AAAA", "page": 0})),
        "claim_not_base64": simply(lambda s: s.json(OPEN, {"claim": f"<{CANARY}>", "page": 0})),
        "claim_a_number": simply(lambda s: s.json(OPEN, {"claim": 7, "page": 0})),
        "page_negative": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": -1})),
        "page_too_high": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": 8})),
        "page_a_text": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": "0"})),
        "page_a_fraction": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": 0.5})),
        "page_huge": simply(
            lambda s: s.json(OPEN, b'{"claim":"' + CLAIM.encode() + b'","page":1' + b"0" * 400 + b"}")
        ),
        "batch_of_nothing": simply(lambda s: s.batch({"actions": []})),
        "batch_of_too_many": simply(
            lambda s: s.batch(
                {"actions": [{"act": "recuse", "item": "0" * 32, "group": "0" * 32, "report": "0" * 32}] * 65}
            )
        ),
        "unknown_action": simply(lambda s: s.batch({"actions": [{"act": CANARY, "item": "0" * 32}]})),
        "action_without_its_name": simply(lambda s: s.batch({"actions": [{"item": "0" * 32}]})),
        "item_id_malformed": simply(
            lambda s: s.batch(
                {"actions": [{"act": "recuse", "item": CANARY, "group": "0" * 32, "report": "0" * 32}]}
            )
        ),
        "letter_of_the_wrong_size": simply(
            lambda s: s.batch(
                {"actions": [{"act": "letter", "item": "0" * 32, "address": "0" * 64, "letter": CLAIM}]}
            )
        ),
        "statement_not_base64": simply(
            lambda s: s.json(f"/v1/groups/{s.group.id.hex()}/roster", {"statement": f"*{CANARY}*"})
        ),
        "statement_empty": simply(lambda s: s.statement(b"")),
    },
)
rows(
    Kind.TOO_DEEP,
    {
        "nested_lists": simply(lambda s: s.json(OPEN, DEEP[:16_000])),
        "nested_objects": simply(lambda s: s.json(OPEN, b'{"a":' * 2_000)),
        "nested_batch": simply(lambda s: s.batch(DEEP)),
        "nested_behind_a_text": simply(lambda s: s.json(OPEN, b'{"claim":"[[]]\\"","page":' + b"[" * 40)),
    },
)
rows(
    Kind.TOO_LARGE,
    {
        "open_of_a_megabyte": simply(lambda s: s.json(OPEN, b" " * 1_000_000)),
        "batch_of_three_megabytes": simply(lambda s: s.batch(b" " * 3_000_000)),
        "signed_get_with_a_body": simply(lambda s: s.signed(calls.feed(s.group.signer("Ada")), b"x")),
        "statement_of_a_megabyte": simply(lambda s: s.statement(bytes(1_000_000))),
    },
)
rows(
    Kind.MEDIA_TYPE,
    {
        "open_as_a_form": simply(
            lambda s: Sent("POST", OPEN, b"claim=1", "application/x-www-form-urlencoded")
        ),
        "open_as_text": simply(lambda s: Sent("POST", OPEN, b"{}", "text/plain")),
        "burn_as_json": simply(
            lambda s: Sent("POST", "/v1/mailboxes/burn", b"{}", JSON, {"Sottovoce-Admission": "x"})
        ),
        "statement_as_bytes": simply(
            lambda s: Sent("POST", f"/v1/groups/{s.group.id.hex()}/roster", b"{}", BYTES)
        ),
    },
)
rows(
    Kind.ADMISSION_MISSING,
    {
        "open_without_a_token": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": 0})),
        "burn_without_a_token": simply(lambda s: Sent("POST", "/v1/mailboxes/burn", bytes(34), BYTES)),
    },
)


@case(Kind.BURN)
async def burn_of_nothing(scene: Scene) -> Sent:
    return await scene.burn(b"")


@case(Kind.BURN)
async def burn_without_an_envelope(scene: Scene) -> Sent:
    return await scene.burn(bytes(34))


@case(Kind.BURN)
async def burn_having_seen_too_many(scene: Scene) -> Sent:
    return await scene.burn(bytes(32) + b"\xff\xff" + scene.group.seal())


@case(Kind.ENVELOPE)
async def burn_with_a_truncated_envelope(scene: Scene) -> Sent:
    return await scene.burn(bytes(34) + scene.group.seal()[:-1])


@case(Kind.NOT_FOUND)
async def burn_for_an_unknown_group(scene: Scene) -> Sent:
    return await scene.burn(bytes(34) + Group.draw("Nowhere").seal())


@case(Kind.UNKNOWN_ROSTER)
async def burn_for_an_unknown_roster(scene: Scene) -> Sent:
    keys = [member.sealing.public_key() for member in scene.group.handlers]
    return await scene.burn(bytes(34) + seal_envelope(b"x", keys, scene.group.id, bytes(32), system))


rows(
    Kind.SIGNATURE,
    {
        "unsigned_feed": simply(lambda s: Sent("GET", f"/v1/groups/{s.group.id.hex()}/feed")),
        "unsigned_batch": simply(
            lambda s: Sent("POST", f"/v1/groups/{s.group.id.hex()}/batch", b'{"actions": []}', JSON)
        ),
        "signature_in_capitals": simply(lambda s: _with(s, "Sottovoce-Signature", "A" * 128)),
        "signature_of_zeros": simply(lambda s: _with(s, "Sottovoce-Signature", "0" * 128)),
        "signature_too_short": simply(lambda s: _with(s, "Sottovoce-Signature", "0" * 126)),
        "key_unknown": simply(lambda s: _with(s, "Sottovoce-Key", "0" * 32)),
        "group_unknown": simply(lambda s: _with(s, "Sottovoce-Group", "0" * 32)),
        "nonce_too_short": simply(lambda s: _with(s, "Sottovoce-Nonce", "00")),
        "time_not_a_number": simply(lambda s: _with(s, "Sottovoce-Time", CANARY)),
        "time_of_other_digits": simply(lambda s: _with(s, "Sottovoce-Time", "1e9")),
        "council_of_another_group": simply(
            lambda s: s.signed(
                calls.Call(
                    "GET", f"/v1/groups/{s.group.id.hex()}/feed?cursor=", bytes, signer=s.other.signer("Pat")
                )
            )
        ),
    },
)
rows(
    Kind.CLOCK,
    {
        "time_of_1970": simply(lambda s: _with(s, "Sottovoce-Time", "0")),
        "time_far_ahead": simply(lambda s: _with(s, "Sottovoce-Time", "999999999999")),
    },
)


def _with(scene: Scene, header: str, value: str) -> Sent:
    sent = scene.signed(calls.feed(scene.group.signer("Ada")))
    sent.headers[header] = value
    return sent


rows(
    Kind.ROSTER_REFUSED,
    {
        "statement_of_nonsense": simply(lambda s: s.statement(CANARY.encode())),
        "statement_signed_by_another_root": simply(lambda s: s.statement(_forged(s))),
        "statement_of_another_group": simply(lambda s: s.statement(s.other.chain.statements[1].raw)),
        "found_with_a_foreign_id": simply(
            lambda s: s.statement(Group.draw("X").chain.statements[0].raw, _nowhere())
        ),
    },
)


@case(Kind.ROSTER_REFUSED)
async def policy_below_the_baseline(scene: Scene) -> Sent:
    """A root that signs a policy which drops a baseline item is refused by the server as well."""
    from crypto import chains
    from service.cases.policies import Policy, baseline

    base = baseline()
    dropped = Policy(base.baseline, base.issues[1:], base.criteria, base.ladder)
    payload = rosters.encode_statement(rosters.Publish(policy=dropped))
    return scene.statement(chains.append(scene.group.chain, payload, scene.group.root).statements[-1].raw)


@case(Kind.ROSTER_CONFLICT)
async def statement_beside_the_head(scene: Scene) -> Sent:
    """Two statements signed on the same head: the second is told that the chain has moved on."""
    from crypto import chains

    chain = chains.VerifiedChain(
        scene.group.chain.label, scene.group.chain.root, scene.group.chain.statements[:-1]
    )
    statement = rosters.Settings(name="Rival", languages=("en",), minimum=1, alternate=None)
    rival = chains.append(chain, rosters.encode_statement(statement), scene.group.root)
    return scene.statement(rival.statements[-1].raw)


def _nowhere() -> Group:
    return Group.draw("Elsewhere")


def _forged(scene: Scene) -> bytes:
    from crypto import chains

    thief = Group.draw("Thief")
    payload = rosters.encode_statement(rosters.Retire(handler=scene.group.handlers[0].id.hex()))
    fake = chains.VerifiedChain(
        scene.group.chain.label, thief.root.verify_key(), scene.group.chain.statements
    )
    return chains.append(fake, payload, thief.root).statements[-1].raw


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("requests")
    async with in_process(folder) as world:
        group = Group.draw(council=["Zoe"])
        other = Group.draw("Borealis", ["Pat", "Quin"])
        await world.found(group)
        await world.found(other)
        await world.file(group)
        yield Scene(world, group, other)


def test_the_table_is_long_enough() -> None:
    """At least 60 rows, each with a name of its own."""
    assert len(CASES) >= 60
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("kind", "make"), [pytest.param(kind, make, id=name) for name, kind, make in CASES])
async def test_malformed(scene: Scene, kind: Kind, make: Make) -> None:
    """Its status, its problem type, no input in the answer, and the store unchanged."""
    sent = await make(scene)
    before = await scene.world.everything(scene.group, scene.other)
    headers = dict(sent.headers)
    if sent.content_type is not None:
        headers["Content-Type"] = sent.content_type
    answer = await scene.world.http.request(sent.method, sent.path, content=sent.body, headers=headers)
    problem = json.loads(answer.content)
    assert (problem["type"], answer.status_code) == (kind.type, kind.status)
    assert problem == {"type": kind.type, "title": kind.title, "status": kind.status}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    assert await scene.world.everything(scene.group, scene.other) == before
