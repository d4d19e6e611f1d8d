// X-Wing, the hybrid KEM of ML-KEM-768 and X25519: draft-connolly-cfrg-xwing-kem, HPKE's KEM 0x647a.
//
// Safe as long as one of the two is. A decapsulation key is its 32-byte seed.

import { x25519 } from "@noble/curves/ed25519.js";
import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { type Bytes, compare, concat, utf8 } from "./bytes.ts";
import { Refused } from "./errors.ts";

export const PUBLIC_KEY_SIZE = 1216;
export const SEED_SIZE = 32;
export const ENCAPSULATION_SIZE = 1120;
/** Random bytes that one encapsulation uses: 32 for ML-KEM, then 32 for X25519. */
export const ENCAPSULATION_ENTROPY = 64;
const ML_KEM_PUBLIC = 1184;
const ML_KEM_CIPHERTEXT = 1088;
const X25519_SIZE = 32;
// 2^255 - 19, big-endian.
const FIELD = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0x7f : i === 31 ? 0xed : 0xff));
const PROBE = new Uint8Array(32).fill(1);
const XWING_LABEL = utf8("\\.//^\\");

export interface KeyPair {
  readonly mlKemSecret: Uint8Array;
  readonly x25519Secret: Uint8Array;
  readonly publicKey: Bytes;
}

/** Say whether 1216 bytes are a key: ML-KEM part canonical (FIPS 203 §7.2), X25519 part canonical and not of small order. */
export function isPublicKey(raw: Uint8Array): boolean {
  const point = raw.subarray(ML_KEM_PUBLIC);
  const canonical = compare(point.slice().reverse(), FIELD) < 0;
  try {
    x25519.getSharedSecret(PROBE, point); // throws when the product is zero
    ml_kem768.encapsulate(raw.subarray(0, ML_KEM_PUBLIC), PROBE);
    return canonical;
  } catch {
    return false;
  }
}

/** Expand a 32-byte seed to its key pair. */
export function expand(seed: Uint8Array): KeyPair {
  if (seed.length !== SEED_SIZE) throw new Refused("a sealing key is 32 bytes");
  const expanded = shake256(seed, { dkLen: 96 });
  const mlKem = ml_kem768.keygen(expanded.subarray(0, 64));
  const x25519Secret = expanded.slice(64);
  return {
    mlKemSecret: mlKem.secretKey,
    x25519Secret,
    publicKey: concat(mlKem.publicKey, x25519.getPublicKey(x25519Secret)),
  };
}

/**
 * Make a shared secret for the holder of a public key.
 * entropy: 64 fresh random bytes. Throws Refused on a public key that can't be one.
 */
export function encapsulate(publicKey: Uint8Array, entropy: Uint8Array): { secret: Bytes; encapsulated: Bytes } {
  if (publicKey.length !== PUBLIC_KEY_SIZE) throw new Refused("a public key is 1216 bytes");
  if (entropy.length !== ENCAPSULATION_ENTROPY) throw new RangeError("an encapsulation needs 64 random bytes");
  const theirMlKem = publicKey.subarray(0, ML_KEM_PUBLIC);
  const theirX25519 = publicKey.subarray(ML_KEM_PUBLIC);
  const ephemeral = entropy.subarray(32);
  try {
    const mlKem = ml_kem768.encapsulate(theirMlKem, entropy.slice(0, 32));
    const shared = x25519.getSharedSecret(ephemeral, theirX25519);
    const mine = x25519.getPublicKey(ephemeral);
    return {
      secret: combine(mlKem.sharedSecret, shared, mine, theirX25519),
      encapsulated: concat(mlKem.cipherText, mine),
    };
  } catch {
    // ML-KEM's check of the encapsulation key (FIPS 203 §7.2), or an X25519 point of small order.
    throw new Refused("a public key is not valid");
  }
}

/** Find the shared secret again. Throws Refused on what can't be an encapsulation; a forged one gives a secret nobody has. */
export function decapsulate(encapsulated: Uint8Array, seed: Uint8Array): Bytes {
  if (encapsulated.length !== ENCAPSULATION_SIZE) throw new Refused("sealed: too short");
  const mine = expand(seed);
  const ciphertext = encapsulated.subarray(0, ML_KEM_CIPHERTEXT);
  const theirs = encapsulated.subarray(ML_KEM_CIPHERTEXT);
  try {
    return combine(
      ml_kem768.decapsulate(ciphertext, mine.mlKemSecret),
      x25519.getSharedSecret(mine.x25519Secret, theirs),
      theirs,
      mine.publicKey.subarray(PUBLIC_KEY_SIZE - X25519_SIZE),
    );
  } catch {
    throw new Refused("sealed: not for this key, or altered");
  } finally {
    mine.mlKemSecret.fill(0);
    mine.x25519Secret.fill(0);
  }
}

function combine(mlKem: Uint8Array, x: Uint8Array, ciphertext: Uint8Array, publicKey: Uint8Array): Bytes {
  return sha3_256(concat(mlKem, x, ciphertext, publicKey, XWING_LABEL)) as Bytes;
}
