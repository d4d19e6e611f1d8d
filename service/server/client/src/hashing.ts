// BLAKE2b with a label and length-prefixed parts: the project's only way to hash. crypto/SPEC.md §1.3.

import { blake2b } from "@noble/hashes/blake2.js";
import { type Bytes, bigEndian, concat, utf8 } from "./bytes.ts";
import type { Label } from "./labels.ts";

const PERSON_SIZE = 16;

function person(label: Label): Bytes {
  const padded = new Uint8Array(PERSON_SIZE);
  padded.set(utf8(label));
  return padded;
}

/** Join parts, each behind its length as 8 bytes big-endian: no two lists join alike. */
export function prefixed(parts: readonly Uint8Array[]): Bytes {
  return concat(...parts.flatMap((part) => [bigEndian(part.length, 8), part]));
}

/** H(label, parts…): `size` (1 to 64) bytes of BLAKE2b personalised with the label. */
export function digest(label: Label, parts: readonly Uint8Array[], size = 32): Bytes {
  return blake2b(prefixed(parts), { dkLen: size, personalization: person(label) });
}

/** BLAKE2b keyed (up to 64 bytes) and personalised: a MAC and a key derivation. */
export function keyed(key: Uint8Array, label: Label, parts: readonly Uint8Array[], size = 32): Bytes {
  return blake2b(prefixed(parts), { dkLen: size, key, personalization: person(label) });
}
