// Ed25519 signatures, each for one use: checked here, never made. crypto/SPEC.md §8.
//
// Accepts exactly what Python's side (libsodium) accepts: keys and R canonical and in the prime-order subgroup, S below L.
// With both in that subgroup the equation with and the one without the cofactor say the same.

import { ed25519 } from "@noble/curves/ed25519.js";
import { type Bytes, utf8 } from "./bytes.ts";
import { Refused } from "./errors.ts";
import { prefixed } from "./hashing.ts";
import type { Label } from "./labels.ts";

/** Not signed by that key for that use, or changed since. */
export class BadSignature extends Refused {
  constructor() {
    super("the signature does not hold: it was made by another key or for something else");
  }
}

function inPrimeSubgroup(raw: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(raw as Bytes);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** A 32-byte Ed25519 public key, checked: canonical, in the prime-order subgroup, not the identity. */
export class VerifyKey {
  readonly raw: Bytes;

  /** Throws Refused for anything but a valid key. */
  constructor(raw: Uint8Array) {
    if (raw.length !== 32 || !inPrimeSubgroup(raw)) throw new Refused("not a valid signing key");
    this.raw = new Uint8Array(raw);
  }
}

/** Check a signature over the same label and parts. Throws BadSignature, and nothing else. */
export function verify(key: VerifyKey, label: Label, signature: Uint8Array, ...parts: readonly Uint8Array[]): void {
  if (signature.length !== 64 || !inPrimeSubgroup(signature.subarray(0, 32))) throw new BadSignature();
  let holds = false;
  try {
    holds = ed25519.verify(signature as Bytes, prefixed([utf8(label), ...parts]), key.raw, { zip215: false });
  } catch {
    holds = false;
  }
  if (!holds) throw new BadSignature();
}
