// The fast lane's proof of work: sixteen small SHA-256 puzzles from one challenge. abuse/SPEC.md, "Puzzle".
//
// SHA-256 is written out for the one block that is hashed over and over: a general implementation spends most of its
// time on what is always the same. Checked against the general one in the tests.

import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import { Refused } from "./errors.ts";

export const CHALLENGE_SIZE = 50;
export const SUB_PUZZLES = 16;
const VERSION = 1;
const KIND = 1;
const MAX_DIFFICULTY = 2 ** 20;
const SLICE = 20_000; // hashes between two looks at progress: about 10 ms on a phone

/** Read a challenge's difficulty: the mean number of hashes per sub-puzzle. Throws Refused on what no honest server sends. */
export function difficultyOf(challenge: Uint8Array): number {
  if (challenge.length !== CHALLENGE_SIZE || challenge[0] !== VERSION || challenge[1] !== KIND) {
    throw new Refused("not a puzzle this version knows");
  }
  const difficulty = new DataView(challenge.buffer, challenge.byteOffset).getUint32(26);
  if (difficulty < 1 || difficulty > MAX_DIFFICULTY) throw new Refused("a puzzle outside the difficulties clients accept");
  return difficulty;
}

/**
 * Solve a challenge in slices. Yields the number of solved sub-puzzles (0 to 15) now and then, so that a caller can
 * show progress and stay responsive; returns the solution, 64 bytes.
 */
export function* solving(challenge: Uint8Array): Generator<number, Bytes> {
  const limit = Math.floor(2 ** 32 / difficultyOf(challenge)); // 2^32 when everything wins
  const hash = new LastBlock(sha256(concat(utf8("sv1 puzzle"), challenge)));
  const solution = new Uint8Array(SUB_PUZZLES * 4);
  const out = new DataView(solution.buffer);
  let left = SLICE;
  for (let index = 0; index < SUB_PUZZLES; index++) {
    let counter = 0;
    while (hash.firstWord(index, counter) >= limit) {
      counter++;
      if (--left === 0) {
        left = SLICE;
        yield index;
      }
    }
    out.setUint32(4 * index, counter);
  }
  return solution;
}

/** SHA-256 of (seed 32 ‖ index 1 ‖ counter 4), of which the first word is wanted. One block. FIPS 180-4 §6.2. */
export class LastBlock {
  readonly #words = new Int32Array(64);

  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, 32);
    for (let i = 0; i < 8; i++) this.#words[i] = view.getInt32(4 * i);
    this.#words[15] = 37 * 8;
  }

  firstWord(index: number, counter: number): number {
    const w = this.#words;
    w[8] = (index << 24) | (counter >>> 8);
    w[9] = ((counter & 0xff) << 24) | 0x800000;
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
    }
    let a = H[0]!, b = H[1]!, c = H[2]!, d = H[3]!, e = H[4]!, f = H[5]!, g = H[6]!, h = H[7]!;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    return (a + H[0]!) >>> 0;
  }
}

// The first 32 bits of the fractional parts of square and cube roots of the first primes (FIPS 180-4 §5.3.3, §4.2.2),
// computed rather than listed: 64 roots at double precision are exact enough for 32 bits, and the tests would tell.
const PRIMES = Array.from({ length: 310 }, (_, i) => i + 2).filter((n) => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
});
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;
const H = Int32Array.from(PRIMES.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const K = Int32Array.from(PRIMES, (p) => fraction(Math.cbrt(p)));
