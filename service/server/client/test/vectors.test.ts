// The vectors of tests/vectors, failures included: what Python makes and refuses, the browser makes and refuses alike.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../src/bytes.ts";
import { Broken, Forged, verifyChain } from "../src/chains.ts";
import {
  addressOf, claimOf, CodeTypo, confirmationPositions, fingerprintWords, fromWords, mailboxOf, prove, readCode, ReplyCode, toWords,
} from "../src/codes.ts"; // prettier-ignore
import { bodyKeys, chunkNonce, encodeHeader, envelopeLength, sealEnvelope } from "../src/envelopes.ts";
import { Refused } from "../src/errors.ts";
import { digest, keyed } from "../src/hashing.ts";
import type { Label } from "../src/labels.ts";
import { openLetter } from "../src/letters.ts";
import { classFor } from "../src/padding.ts";
import { DoesNotOpen, MailboxKey, PublicKey, unseal } from "../src/seal.ts";
import { BadSignature, verify, VerifyKey } from "../src/signatures.ts";
import { LANGUAGES, type Language, loadWords } from "../src/words.ts";
import { openedBy } from "./opening.ts";
import { vectors } from "./support.ts";

type Failing = new (...given: never[]) => Refused;
const ERRORS: Record<string, Failing> = { Refused, DoesNotOpen, Broken, Forged, BadSignature, CodeTypo };

/** Run what has to fail, and hold its class to the vector's: that class itself, or for "Refused" any of its kinds. */
async function refuses(name: string, run: () => unknown): Promise<Refused> {
  const expected = ERRORS[name];
  assert.ok(expected, `no class for ${name}`);
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof expected, `${name} expected, not ${String(error)}`);
    return error;
  }
  return assert.fail(`${name} expected, and nothing was refused`);
}

const list = (parts: readonly string[]) => parts.map(fromHex);

test("hashing.json: digests and MACs", () => {
  interface Hashed {
    readonly key: string;
    readonly label: Label;
    readonly parts: readonly string[];
    readonly size: number;
    readonly out: string;
  }
  const { digest: digests, keyed: keyeds } = vectors<{ digest: readonly Hashed[]; keyed: readonly Hashed[] }>("hashing");
  assert.ok(digests.length >= 30 && keyeds.length >= 5);
  for (const one of digests) assert.equal(toHex(digest(one.label, list(one.parts), one.size)), one.out);
  for (const one of keyeds) assert.equal(toHex(keyed(fromHex(one.key), one.label, list(one.parts))), one.out);
});

test("codes.json: words in ten languages, what is derived, typos by position", async () => {
  interface Codes {
    readonly codes: readonly {
      code: string; words: Record<Language, string[]>; confirm: number[]; proof: string; claim: string; address: string; seed: string; public_key: string;
    }[]; // prettier-ignore
    readonly failures: readonly { words: string; error: string; positions: number[] }[];
    readonly fingerprints: readonly { digest: string; words: string[] }[];
  }
  const { codes, failures, fingerprints } = vectors<Codes>("codes");
  const lists = await Promise.all(LANGUAGES.map(loadWords));
  assert.ok(codes.length >= 5 && failures.length >= 5);
  for (const one of codes) {
    const code = new ReplyCode(fromHex(one.code));
    assert.deepEqual(Object.keys(one.words).sort(), [...LANGUAGES].sort());
    for (const words of lists) {
      const written = one.words[words.language];
      assert.deepEqual(toWords(code, words), written);
      assert.ok(fromWords(written.join(" "), lists, words.language).equals(code));
      assert.ok((await readCode(written.join(" "), words.language)).equals(code));
    }
    assert.deepEqual(confirmationPositions(code), one.confirm);
    assert.equal(toHex(prove(code).reveal()), one.proof);
    assert.equal(toHex(claimOf(code).reveal()), one.claim);
    assert.equal(toHex(addressOf(claimOf(code))), one.address);
    assert.equal(toHex(mailboxOf(code).reveal()), one.seed);
    assert.equal(toHex(mailboxOf(code).publicKey().raw), one.public_key);
  }
  for (const one of failures) {
    for (const read of [() => fromWords(one.words, lists, "english"), () => readCode(one.words, "english")]) {
      const typo = await refuses(one.error, read);
      assert.deepEqual((typo as CodeTypo).positions, one.positions);
    }
  }
  const english = await loadWords("english");
  for (const one of fingerprints) assert.deepEqual(fingerprintWords(fromHex(one.digest), english), one.words);
});

interface Sealed {
  readonly label: Label;
  readonly context: string;
  readonly sealed: string;
  readonly plaintext: string;
  readonly error: string;
}

test("seal.json: a key pair from its seed, and messages that open or must not", async () => {
  const { seed, public_key, key_id, sealed, failures } = vectors<{
    seed: string; public_key: string; key_id: string; sealed: readonly Sealed[]; failures: readonly Sealed[];
  }>("seal"); // prettier-ignore
  const key = new MailboxKey(fromHex(seed));
  assert.equal(toHex(key.publicKey().raw), public_key);
  assert.equal(toHex(new PublicKey(fromHex(public_key)).id), key_id);
  const opened = (one: Sealed) => unseal(key, fromHex(one.sealed), one.label, fromHex(one.context));
  assert.ok(sealed.length >= 3 && failures.length >= 7);
  for (const one of sealed) assert.equal(toHex(opened(one)), one.plaintext);
  for (const one of failures) await refuses(one.error, () => opened(one));
});

test("letters.json: letters that open or must not", async () => {
  const { seed, letters, failures } = vectors<{
    seed: string; letters: readonly { letter: string; plaintext: string }[]; failures: readonly { letter: string; error: string }[];
  }>("letters"); // prettier-ignore
  const key = new MailboxKey(fromHex(seed));
  assert.ok(letters.length >= 2 && failures.length >= 5);
  for (const one of letters) assert.equal(toHex(openLetter(key, fromHex(one.letter))), one.plaintext);
  for (const one of failures) await refuses(one.error, () => openLetter(key, fromHex(one.letter)));
});

test("signatures.json: signatures and chains that hold or must not", async () => {
  interface Signed {
    readonly label: Label;
    readonly parts: readonly string[];
    readonly signature: string;
  }
  const { verify_key, signatures, failures, chain, chain_failures } = vectors<{
    verify_key: string; signatures: readonly Signed[]; failures: readonly Signed[];
    chain: { label: Label; statements: readonly string[]; head: string };
    chain_failures: readonly { statements: readonly string[]; error: string }[];
  }>("signatures"); // prettier-ignore
  const key = new VerifyKey(fromHex(verify_key));
  const check = (one: Signed) => verify(key, one.label, fromHex(one.signature), ...list(one.parts));
  assert.ok(signatures.length >= 3 && failures.length >= 6 && chain_failures.length >= 4);
  signatures.forEach(check);
  for (const one of failures) await refuses("BadSignature", () => check(one));
  const verified = verifyChain(list(chain.statements), key, chain.label);
  assert.equal(toHex(verified.at(-1)!.link), chain.head);
  for (const one of chain_failures) await refuses(one.error, () => verifyChain(list(one.statements), key, chain.label));
});

test("envelopes.json: the browser's parts take Python's envelopes to pieces, and it seals the same form", async () => {
  const { seeds, group, roster, envelopes, failures } = vectors<{
    seeds: readonly string[]; group: string; roster: string;
    envelopes: readonly { recipients: number; envelope: string; plaintext: string }[];
    failures: readonly { what: string; envelope: string; error: string }[];
  }>("envelopes"); // prettier-ignore
  const handlers = seeds.map((seed) => new MailboxKey(fromHex(seed)));
  assert.ok(envelopes.length >= 3 && failures.length >= 13);
  for (const one of envelopes) {
    const theirs = fromHex(one.envelope);
    const plaintext = fromHex(one.plaintext);
    const openers = handlers.filter((key) => one.envelope.slice(0, 2 * (51 + 16 * one.recipients)).includes(toHex(key.publicKey().id)));
    assert.equal(openers.length, one.recipients);
    const to = { groupId: fromHex(group), rosterDigest: fromHex(roster), keys: openers.map((key) => key.publicKey()) };
    const mine = await sealEnvelope(plaintext, to, { entropy: (size) => crypto.getRandomValues(new Uint8Array(size)) });
    const ids = [...to.keys].map((key) => toHex(key.id)).sort().map(fromHex);
    const header = encodeHeader(classFor(plaintext.length), to, ids);
    assert.equal(toHex(theirs.subarray(0, header.length)), toHex(header));
    assert.equal(toHex(mine.subarray(0, header.length)), toHex(header));
    assert.equal(theirs.length, envelopeLength(one.recipients, classFor(plaintext.length)));
    assert.equal(mine.length, theirs.length);
    for (const raw of [theirs, mine]) {
      for (const key of openers) assert.equal(toHex(openedBy(key, raw)), one.plaintext);
    }
  }
  const first = envelopes[1]!.envelope.slice(2 * 51, 2 * 67);
  const own = handlers.find((key) => toHex(key.publicKey().id) === first)!;
  for (const one of failures) await refuses(one.error, () => openedBy(own, fromHex(one.envelope)));
  assert.notDeepEqual(bodyKeys(new Uint8Array(32), new Uint8Array(51)), bodyKeys(new Uint8Array(32), new Uint8Array(67)));
  assert.notDeepEqual(chunkNonce(0, true), chunkNonce(0, false));
});
