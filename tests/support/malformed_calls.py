"""Malformed calls: paths, methods, queries, JSON, signatures and roster statements, and the problem of each."""

from __future__ import annotations

import base64

from service.cases import rosters
from service.wire import calls
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.malformed import BYTES, CANARY, JSON, Scene, Sent, Table, simply

CALLS = Table()

CALLS.cases(
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


CALLS.cases(
    Kind.METHOD,
    {
        "delete_a_roster": simply(lambda s: Sent("DELETE", f"/v1/groups/{s.group.id.hex()}/roster")),
        "get_the_reports": simply(lambda s: Sent("GET", f"/v1/groups/{s.group.id.hex()}/reports")),
        "put_a_report": simply(lambda s: Sent("PUT", f"/v1/groups/{s.group.id.hex()}/reports", b"x", BYTES)),
        "get_a_mailbox": simply(lambda s: Sent("GET", "/v1/mailboxes/open")),
        "trace": simply(lambda s: Sent("TRACE", "/v1/server")),
    },
)


CALLS.cases(
    Kind.NOT_FOUND,
    {
        "roster_of_an_unknown_group": simply(lambda s: Sent("GET", f"/v1/groups/{'0' * 32}/roster")),
        "challenge_for_an_unknown_group": simply(lambda s: Sent("GET", f"/v1/admission/{'0' * 32}/reports")),
    },
)


CALLS.cases(
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


CALLS.cases(
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


CALLS.cases(
    Kind.TOO_DEEP,
    {
        "nested_lists": simply(lambda s: s.json(OPEN, DEEP[:16_000])),
        "nested_objects": simply(lambda s: s.json(OPEN, b'{"a":' * 2_000)),
        "nested_batch": simply(lambda s: s.batch(DEEP)),
        "nested_behind_a_text": simply(lambda s: s.json(OPEN, b'{"claim":"[[]]\\"","page":' + b"[" * 40)),
    },
)


CALLS.cases(
    Kind.TOO_LARGE,
    {
        "open_of_a_megabyte": simply(lambda s: s.json(OPEN, b" " * 1_000_000)),
        "batch_of_three_megabytes": simply(lambda s: s.batch(b" " * 3_000_000)),
        "signed_get_with_a_body": simply(lambda s: s.signed(calls.feed(s.group.signer("Ada")), b"x")),
        "statement_of_a_megabyte": simply(lambda s: s.statement(bytes(1_000_000))),
    },
)


CALLS.cases(
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
CALLS.cases(
    Kind.ADMISSION_MISSING,
    {"open_without_a_token": simply(lambda s: s.json(OPEN, {"claim": CLAIM, "page": 0}))},
)

CALLS.cases(
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


CALLS.cases(
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


CALLS.cases(
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


@CALLS.case(Kind.ROSTER_REFUSED)
async def policy_below_the_baseline(scene: Scene) -> Sent:
    """A root that signs a policy which drops a baseline item is refused by the server as well."""
    from crypto import chains
    from service.cases.policies import Policy, baseline

    base = baseline()
    dropped = Policy(base.baseline, base.issues[1:], base.criteria, base.ladder)
    payload = rosters.encode_statement(rosters.Publish(policy=dropped))
    return scene.statement(chains.append(scene.group.chain, payload, scene.group.root).statements[-1].raw)


@CALLS.case(Kind.ROSTER_CONFLICT)
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
