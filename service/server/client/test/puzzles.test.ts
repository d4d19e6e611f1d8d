// The project's own puzzle vectors, and the hand-written hash against the general one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { readChallenge, solve } from "../src/admission.ts";
import { bigEndian, concat, fromHex, toHex } from "../src/bytes.ts";
import { system } from "../src/entropy.ts";
import { Refused } from "../src/errors.ts";
import { difficultyOf, LastBlock, solving } from "../src/puzzle.ts";
import { vectors } from "./support.ts";

interface Vectors {
  readonly puzzles: readonly { puzzle: string; difficulty: number; counters: number[]; token: string }[];
}

const { puzzles } = vectors<Vectors>("puzzle");

test("every vector's puzzle is solved to its token", async () => {
  assert.ok(puzzles.length >= 5);
  for (const { puzzle, difficulty, token } of puzzles) {
    assert.equal(difficultyOf(readChallenge(puzzle)), difficulty);
    const shares: number[] = [];
    assert.equal(await solve(puzzle, { progress: (share) => shares.push(share) }), token);
    assert.equal(shares.at(-1), 1);
  }
});

test("the one-block hash is SHA-256", () => {
  for (let i = 0; i < 300; i++) {
    const seed = system(32);
    const counter = i < 3 ? [0, 255, 0xffffffff][i]! : new DataView(system(4).buffer).getUint32(0);
    const expected = sha256(concat(seed, new Uint8Array([i % 16]), bigEndian(counter, 4))).subarray(0, 4);
    assert.equal(toHex(bigEndian(new LastBlock(seed).firstWord(i % 16, counter), 4)), toHex(expected));
  }
});

test("what no honest server sends is refused before any work", () => {
  const good = readChallenge(puzzles[0]!.puzzle);
  for (const bad of ["", "00", toHex(good).slice(2), toHex(good) + "00", "02" + toHex(good).slice(2)]) {
    assert.throws(() => solving(fromHex(bad)).next(), Refused);
  }
  for (const bad of ["", "!", puzzles[0]!.puzzle + "=", puzzles[0]!.puzzle + "A"]) assert.throws(() => readChallenge(bad), Refused);
});

test("giving up stops the work", async () => {
  const hard = readChallenge(puzzles[0]!.puzzle);
  new DataView(hard.buffer).setUint32(26, 2 ** 20);
  const text = Buffer.from(hard).toString("base64url");
  const stop = new AbortController();
  await assert.rejects(
    solve(text, { signal: stop.signal, progress: () => stop.abort() }),
    (error: unknown) => error instanceof DOMException && error.name === "AbortError",
  );
});
