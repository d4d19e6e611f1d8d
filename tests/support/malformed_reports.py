"""Malformed reports and burns: envelopes, recipients and tokens that each break one rule, and the problem of each."""

from __future__ import annotations

from collections.abc import Callable

from crypto.entropy import system
from crypto.envelope import MAX_ENVELOPE, seal_envelope
from service.wire import calls
from service.wire.problems import Kind
from tests.support.groups import Group, Member
from tests.support.malformed import BYTES, CANARY, JSON, Make, Scene, Sent, Table, simply

REPORTS = Table()


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


REPORTS.cases(
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


REPORTS.cases(
    Kind.WRONG_GROUP,
    {"group_spliced": spoiled(put(2, 1, 2, 3)), "group_of_zeros": spoiled(put(2, *bytes(16)))},
)


REPORTS.cases(
    Kind.UNKNOWN_ROSTER,
    {"roster_spliced": spoiled(put(18, 1, 2, 3)), "roster_of_zeros": spoiled(put(18, *bytes(32)))},
)


@REPORTS.case(Kind.WRONG_GROUP)
async def envelope_of_another_group(scene: Scene) -> Sent:
    return await scene.report(scene.other.seal())


@REPORTS.case(Kind.WRONG_RECIPIENTS)
async def stranger_among_the_recipients(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=[*scene.group.handlers[:2], Member.draw("Eve")]))


@REPORTS.case(Kind.WRONG_RECIPIENTS)
async def handler_of_another_group(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=[*scene.group.handlers[:2], scene.other.handlers[0]]))


@REPORTS.case(Kind.TOO_FEW_RECIPIENTS)
async def fewer_than_the_minimum(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(handlers=scene.group.handlers[:1]))


@REPORTS.case(Kind.NOT_FOUND)
async def report_to_an_unknown_group(scene: Scene) -> Sent:
    stranger = Group.draw("Nowhere")
    token = await scene.world.token(scene.group)
    path = f"/v1/groups/{stranger.id.hex()}/reports"
    return Sent("POST", path, stranger.seal(), BYTES, {"Sottovoce-Admission": token})


@REPORTS.case(Kind.TOO_LARGE)
async def envelope_over_the_cap(scene: Scene) -> Sent:
    return await scene.report(bytes(MAX_ENVELOPE + 1))


@REPORTS.case(Kind.MEDIA_TYPE)
async def report_as_json(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    sent.content_type = JSON
    return sent


@REPORTS.case(Kind.MEDIA_TYPE)
async def report_without_a_type(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    sent.content_type = None
    return sent


@REPORTS.case(Kind.MEDIA_TYPE)
async def report_compressed(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Content_Encoding="gzip")


@REPORTS.case(Kind.BAD_REQUEST)
async def urgent_neither_0_nor_1(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Urgent=CANARY)


@REPORTS.case(Kind.ADMISSION_MISSING)
async def report_without_a_token(scene: Scene) -> Sent:
    sent = await scene.report(scene.group.seal())
    del sent.headers["Sottovoce-Admission"]
    return sent


@REPORTS.case(Kind.ADMISSION_REFUSED)
async def token_of_nonsense(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Admission=CANARY)


@REPORTS.case(Kind.ADMISSION_REFUSED)
async def token_too_long(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), Sottovoce_Admission="A" * 2_000)


@REPORTS.case(Kind.ADMISSION_REFUSED)
async def token_of_another_group(scene: Scene) -> Sent:
    token = await scene.world.token(scene.other)
    return await scene.report(scene.group.seal(), Sottovoce_Admission=token)


@REPORTS.case(Kind.ADMISSION_REFUSED)
async def token_of_another_route(scene: Scene) -> Sent:
    from service.wire.puzzles import solve

    token = solve(await scene.world.client.do(calls.challenge(bytes(16), "mailbox")))
    return await scene.report(scene.group.seal(), Sottovoce_Admission=token)


@REPORTS.case(Kind.ADMISSION_REFUSED)
async def token_with_one_bit_changed(scene: Scene) -> Sent:
    token = await scene.world.token(scene.group)
    at = len(token) // 3
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    return await scene.report(scene.group.seal(), Sottovoce_Admission=changed)


@REPORTS.case(Kind.HEADERS_TOO_LARGE)
async def headers_of_nine_kilobytes(scene: Scene) -> Sent:
    return await scene.report(scene.group.seal(), X_Padding="x" * 9_000)


REPORTS.cases(
    Kind.ADMISSION_MISSING,
    {
        "burn_without_a_token": simply(lambda s: Sent("POST", "/v1/mailboxes/burn", bytes(34), BYTES)),
    },
)


@REPORTS.case(Kind.BURN)
async def burn_of_nothing(scene: Scene) -> Sent:
    return await scene.burn(b"")


@REPORTS.case(Kind.BURN)
async def burn_without_an_envelope(scene: Scene) -> Sent:
    return await scene.burn(bytes(34))


@REPORTS.case(Kind.BURN)
async def burn_having_seen_too_many(scene: Scene) -> Sent:
    return await scene.burn(bytes(32) + b"\xff\xff" + scene.group.seal())


@REPORTS.case(Kind.ENVELOPE)
async def burn_with_a_truncated_envelope(scene: Scene) -> Sent:
    return await scene.burn(bytes(34) + scene.group.seal()[:-1])


@REPORTS.case(Kind.NOT_FOUND)
async def burn_for_an_unknown_group(scene: Scene) -> Sent:
    return await scene.burn(bytes(34) + Group.draw("Nowhere").seal())


@REPORTS.case(Kind.UNKNOWN_ROSTER)
async def burn_for_an_unknown_roster(scene: Scene) -> Sent:
    keys = [member.sealing.public_key() for member in scene.group.handlers]
    return await scene.burn(bytes(34) + seal_envelope(b"x", keys, scene.group.id, bytes(32), system))
