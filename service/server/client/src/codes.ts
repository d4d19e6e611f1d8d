// Reply codes: 128 bits as 12 words, and all that a mailbox derives from them. crypto/SPEC.md §3.

import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes } from "./bytes.ts";
import type { Entropy } from "./entropy.ts";
import { Refused } from "./errors.ts";
import { digest } from "./hashing.ts";
import { Label } from "./labels.ts";
import { MailboxKey } from "./seal.ts";
import { Secret } from "./secrets.ts";
import { distanceOne, LANGUAGES, type Language, loadWords, tokens, type WordList } from "./words.ts";

export const CODE_WORDS = 12;
const FINGERPRINT_WORDS = 8;
const BITS = 11n;
const CHECK_BITS = 4n;
const ALL_KNOWN = "all words are on the list, but they don't belong together";

/** Not a reply code as typed. `positions`: the words to look at again, counted from 1; empty when unknown. */
export class CodeTypo extends Refused {
  readonly positions: readonly number[];
  constructor(reason: string, positions: readonly number[] = []) {
    super(reason);
    this.positions = positions;
  }
}

/** The words are a valid code in more than one language. Ask which. */
export class UnclearLanguage extends Refused {
  readonly languages: readonly Language[];
  constructor(languages: readonly Language[]) {
    super("reply code: these words are a code in more than one language; choose the language");
    this.languages = languages;
  }
}

/** The 16 random bytes that open one mailbox, once. */
export class ReplyCode extends Secret {
  static readonly SIZE = 16;

  constructor(raw: Uint8Array) {
    super(raw, ReplyCode.SIZE, "ReplyCode");
  }

  static draw(entropy: Entropy): ReplyCode {
    return new ReplyCode(entropy(ReplyCode.SIZE));
  }
}

/** The 32 bytes that prove ownership of a mailbox to handlers. They travel sealed: the server never sees them. */
export class Proof extends Secret {
  constructor(raw: Uint8Array) {
    super(raw, 32, "Proof");
  }
}

/** The 32 bytes that prove ownership of a mailbox to the server, and to nobody else. */
export class Claim extends Secret {
  constructor(raw: Uint8Array) {
    super(raw, 32, "Claim");
  }
}

/** Derive what proves ownership of a mailbox to handlers. */
export function prove(code: ReplyCode): Proof {
  return new Proof(digest(Label.PROOF, [code.reveal()]));
}

/** Derive what proves ownership of a mailbox to the server, by way of the proof. */
export function claimOf(code: ReplyCode): Claim {
  return new Claim(digest(Label.CLAIM, [prove(code).reveal()]));
}

/** Derive a mailbox's public address: 32 bytes. */
export function addressOf(claim: Claim): Bytes {
  return digest(Label.ADDRESS, [claim.reveal()]);
}

/** Derive the key pair that letters are sealed to. */
export function mailboxOf(code: ReplyCode): MailboxKey {
  return new MailboxKey(digest(Label.MAILBOX_SEED, [code.reveal()]));
}

/** Write a code as 12 words of BIP-39, in composed form (NFC). */
export function toWords(code: ReplyCode, list: WordList): string[] {
  return indicesOf(code).map((index) => list.shown[index]!);
}

/**
 * Read a code as a person types it: any of the ten languages, four letters of each word, any case, accents or not.
 *
 * preferred: the language tried first and alone; only when it doesn't fit are the other lists loaded.
 * Throws CodeTypo, which names positions and never words; UnclearLanguage where the words are a code in several
 * languages and none is preferred.
 */
export async function readCode(text: string, preferred?: Language): Promise<ReplyCode> {
  if (preferred !== undefined) {
    const list = await loadWords(preferred);
    const indices = tokens(text).map((word) => list.find(word));
    if (indices.length === CODE_WORDS && isWhole(indices)) {
      const code = checked(indices);
      if (code) return code;
    }
  }
  return fromWords(text, await Promise.all(LANGUAGES.map(loadWords)), preferred);
}

/** The same with the lists at hand, in the order of `LANGUAGES`. */
export function fromWords(text: string, lists: readonly WordList[], preferred?: Language): ReplyCode {
  const typed = tokens(text);
  if (typed.length !== CODE_WORDS) throw new CodeTypo(`a reply code is ${CODE_WORDS} words; these are ${typed.length}`);
  const ordered = [...lists].sort((a, b) => Number(b.language === preferred) - Number(a.language === preferred));
  const readings = ordered.map((list) => ({ list, found: typed.map((word) => list.find(word)) }));
  const whole = readings.flatMap(({ list, found }) => (isWhole(found) ? [{ list, found }] : []));
  if (whole.length === 0) {
    const unknown = (found: readonly (number | undefined)[]): number => found.filter((index) => index === undefined).length;
    throw unknownWords(readings.reduce((best, other) => (unknown(other.found) < unknown(best.found) ? other : best)).found);
  }
  const valid = whole.flatMap(({ list, found }) => {
    const code = checked(found);
    return code ? [{ language: list.language, code }] : [];
  });
  if (valid.length === 0) throw wrongChecksum(whole[0]!.list, typed, whole[0]!.found);
  const wanted = valid.find(({ language }) => language === preferred);
  if (wanted) return wanted.code;
  const first = valid[0]!.code;
  if (valid.some(({ code }) => !code.equals(first))) throw new UnclearLanguage(valid.map(({ language }) => language));
  return first;
}

/** Name two words, counted from 1 and ascending, to be typed back. Same code, same two. */
export function confirmationPositions(code: ReplyCode): [number, number] {
  const drawn = new DataView(digest(Label.CONFIRM, [code.reveal()], 16).buffer);
  const first = Number(drawn.getBigUint64(0) % BigInt(CODE_WORDS));
  const second = (first + 1 + Number(drawn.getBigUint64(8) % BigInt(CODE_WORDS - 1))) % CODE_WORDS;
  return [Math.min(first, second) + 1, Math.max(first, second) + 1];
}

/** Say whether the two words typed back are right. typed: what was typed, by position. */
export function confirms(code: ReplyCode, typed: ReadonlyMap<number, string>, list: WordList): boolean {
  const indices = indicesOf(code);
  return confirmationPositions(code).every((position) => {
    const word = tokens(typed.get(position) ?? "");
    return word.length === 1 && list.find(word[0]!) === indices[position - 1];
  });
}

/** Write the first 88 bits of a 32-byte digest as 8 words, to compare by eye or on the phone. */
export function fingerprintWords(digest32: Uint8Array, list: WordList): string[] {
  if (digest32.length !== 32) throw new Refused("a fingerprint is made of a 32-byte digest");
  return split(numberOf(digest32.subarray(0, 11)), FINGERPRINT_WORDS).map((index) => list.shown[index]!);
}

function numberOf(raw: Uint8Array): bigint {
  return raw.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function split(number: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((number >> (BITS * BigInt(count - 1 - i))) & 0x7ffn));
}

/** BIP-39: 128 bits, then the first 4 of SHA-256 of them, cut into twelve times 11. */
function indicesOf(code: ReplyCode): number[] {
  const raw = code.reveal();
  const check = BigInt(sha256(raw)[0]! >> 4);
  return split((numberOf(raw) << CHECK_BITS) | check, CODE_WORDS);
}

function checked(indices: readonly number[]): ReplyCode | undefined {
  const number = indices.reduce((sum, index) => (sum << BITS) | BigInt(index), 0n);
  const raw = new Uint8Array(ReplyCode.SIZE);
  let rest = number >> CHECK_BITS;
  for (let i = raw.length - 1; i >= 0; i--, rest >>= 8n) raw[i] = Number(rest & 0xffn);
  return sha256(raw)[0]! >> 4 === Number(number & 0xfn) ? new ReplyCode(raw) : undefined;
}

function isWhole(found: readonly (number | undefined)[]): found is readonly number[] {
  return found.every((index) => index !== undefined);
}

function unknownWords(found: readonly (number | undefined)[]): CodeTypo {
  const positions = found.flatMap((index, at) => (index === undefined ? [at + 1] : []));
  if (positions.length === CODE_WORDS) return new CodeTypo("reply code: none of these words is on a list", positions);
  return new CodeTypo(`reply code: not on the list: ${counted(positions)}`, positions);
}

/** Look for the words that one slip of the finger turns into another which makes the checksum right. */
function wrongChecksum(list: WordList, typed: readonly string[], indices: readonly number[]): CodeTypo {
  const positions = typed.flatMap((word, at) => {
    const slipped = list.shown.some(
      (_, other) =>
        other !== indices[at] &&
        distanceOne(word, list.abbreviated(other, word)) &&
        checked(indices.map((index, i) => (i === at ? other : index))) !== undefined,
    );
    return slipped ? [at + 1] : [];
  });
  if (positions.length === 0) return new CodeTypo(`reply code: ${ALL_KNOWN}: one is wrong, or two are swapped`);
  return new CodeTypo(`reply code: ${ALL_KNOWN}: look again at ${counted(positions)}`, positions);
}

function counted(positions: readonly number[]): string {
  return (positions.length === 1 ? "word " : "words ") + positions.join(", ");
}
