// Who is shown as reading an answer: nobody to whom the server would not hand it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../src/bytes.ts";
import { mailboxOf, ReplyCode } from "../src/codes.ts";
import { system } from "../src/entropy.ts";
import { answerTo, handedOn } from "../src/filing.ts";
import type { Letter } from "../src/letters.ts";
import type { Handler, Roster } from "../src/rosters.ts";

function handler(name: string): Handler {
  return { id: toHex(system(16)), name, role: "handler", verifyKeys: [], sealKeys: [mailboxOf(ReplyCode.draw(system)).publicKey()], active: true };
}

function roster(id: string, ...handlers: Handler[]): Roster {
  const digest = fromHex("00".repeat(32));
  return { groupId: fromHex(id.repeat(16)), digest, name: id, languages: [], minimum: 1, alternate: null, handlers, registry: null };
}

test("an answer is handed to nobody with the name of one to whom it is not sealed", () => {
  const [bo, cy, dina, gil] = [handler("Bo"), handler("Cy"), handler("DINA"), { ...handler("Gil"), role: "council" as const }];
  const [theirDina, emil] = [handler("Dina"), handler("Emil")];
  const answered = roster("aa", bo, cy, dina, gil);
  const other = roster("bb", theirDina, emil);
  const ids = (...people: Handler[]): string[] => people.map(({ sealKeys }) => toHex(sealKeys[0]!.id));
  const letter = {
    group: toHex(answered.groupId),
    recipients: ids(bo, cy),
    handedTo: [
      { group: toHex(answered.groupId), recipients: ids(dina, gil) },
      { group: toHex(other.groupId), recipients: ids(theirDina, emil) },
    ],
  } as unknown as Letter;
  const shown = (kept: Handler[], theirs: Roster): string[] => handedOn(letter, theirs, answered, kept).map(({ name }) => name);
  assert.deepEqual(shown([bo, cy], answered), ["Gil"]);
  assert.deepEqual(shown([bo, cy], other), ["Emil"]);
  assert.deepEqual(shown([bo, cy, dina], answered), ["Gil"]);
  assert.deepEqual(shown([bo, cy, dina], other), ["Dina", "Emil"]);
});

test("an answer is sealed to handlers only, whoever a letter names, and the others are shown as handed it", () => {
  const [bo, cy, gil] = [handler("Bo"), handler("Cy"), { ...handler("Gil"), role: "council" as const }];
  const answered = roster("aa", bo, cy, gil);
  const named = (...people: Handler[]): Letter =>
    ({ group: toHex(answered.groupId), recipients: people.map(({ sealKeys }) => toHex(sealKeys[0]!.id)), handedTo: [] }) as unknown as Letter;
  assert.deepEqual(answerTo(named(bo, gil), answered), [bo]);
  assert.deepEqual(answerTo(named(gil), answered), []);
  assert.deepEqual(handedOn(named(bo, gil), answered, answered, [bo]), [gil]);
});
