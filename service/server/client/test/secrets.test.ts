// Secrets stay out of logs, JSON and addresses; refusals carry fixed text.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { toHex } from "../src/bytes.ts";
import { claimOf, CodeTypo, fromWords, mailboxOf, prove, ReplyCode, toWords } from "../src/codes.ts";
import { system } from "../src/entropy.ts";
import { Refused } from "../src/errors.ts";
import { LANGUAGES, loadWords } from "../src/words.ts";

test("a secret shows itself nowhere", () => {
  const code = ReplyCode.draw(system);
  for (const secret of [code, prove(code), claimOf(code), mailboxOf(code)]) {
    const raw = secret.reveal();
    const shown = [`${String(secret)}`, inspect(secret, { depth: 9, showHidden: true }), Object.keys(secret).join(), secret + ""];
    for (const text of shown) {
      assert.ok(!text.includes(toHex(raw)) && !text.includes(raw.join(", ").slice(0, 20)), "a secret was shown");
    }
    assert.throws(() => JSON.stringify({ secret }), TypeError);
  }
});

test("a wiped secret is gone", () => {
  const code = ReplyCode.draw(system);
  code.wipe();
  assert.equal(toHex(code.reveal()), "00".repeat(16));
});

test("a secret is compared by value and kind", () => {
  const raw = system(16);
  assert.ok(new ReplyCode(raw).equals(new ReplyCode(raw)));
  assert.ok(!new ReplyCode(raw).equals(ReplyCode.draw(system)));
  assert.throws(() => new ReplyCode(system(15)), Refused);
});

test("a typo is named by its position and never repeated", async () => {
  const lists = await Promise.all(LANGUAGES.map(loadWords));
  const words = toWords(ReplyCode.draw(system), lists[0]!);
  words[4] = "hunterhunter";
  assert.throws(
    () => fromWords(words.join(" "), lists, "english"),
    (error: unknown) => error instanceof CodeTypo && error.positions.includes(5) && !error.message.includes("hunter"),
  );
});
