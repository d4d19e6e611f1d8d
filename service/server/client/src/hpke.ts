// HPKE base mode, single shot (RFC 9180): X-Wing (0x647a), HKDF-SHA256 (0x0001), ChaCha20-Poly1305 (0x0003), no AAD.
//
// Written here because the published packages take HKDF from Web Crypto, which plain-HTTP onion addresses don't have.
// Held to the RFC's own vectors for the key schedule and to Python's `cryptography` in both directions.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, bigEndian, concat, utf8 } from "./bytes.ts";
import type { Entropy } from "./entropy.ts";
import { Refused } from "./errors.ts";
import { decapsulate, ENCAPSULATION_ENTROPY, ENCAPSULATION_SIZE, encapsulate } from "./xwing.ts";

export const TAG_SIZE = 16;
const KEM = 0x647a;
const KDF = 0x0001;
const AEAD = 0x0003;
const KEY_SIZE = 32;
const NONCE_SIZE = 12;
const BASE_MODE = new Uint8Array([0]);
const EMPTY = new Uint8Array(0);
const VERSION = utf8("HPKE-v1");

/** RFC 9180 §5.1 suite_id of a KEM with the project's KDF and AEAD. */
export function suiteId(kem: number): Bytes {
  return concat(utf8("HPKE"), bigEndian(kem, 2), bigEndian(KDF, 2), bigEndian(AEAD, 2));
}

/** RFC 9180 §4 LabeledExtract with HKDF-SHA256. */
function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, material: Uint8Array): Bytes {
  return hmac(sha256, salt, concat(VERSION, suite, utf8(label), material)) as Bytes;
}

/** RFC 9180 §4 LabeledExpand for at most 32 bytes: one round of HKDF-Expand. */
function labeledExpand(suite: Uint8Array, key: Uint8Array, label: string, info: Uint8Array, size: number): Bytes {
  const labeled = concat(bigEndian(size, 2), VERSION, suite, utf8(label), info);
  return hmac(sha256, key, concat(labeled, new Uint8Array([1]))).slice(0, size) as Bytes;
}

/** RFC 9180 §5.1 KeySchedule in base mode: key and first nonce of one message. */
export function schedule(suite: Uint8Array, secret: Uint8Array, info: Uint8Array): { key: Bytes; nonce: Bytes } {
  const context = concat(
    BASE_MODE,
    labeledExtract(suite, EMPTY, "psk_id_hash", EMPTY),
    labeledExtract(suite, EMPTY, "info_hash", info),
  );
  const extracted = labeledExtract(suite, secret, "secret", EMPTY);
  return {
    key: labeledExpand(suite, extracted, "key", context, KEY_SIZE),
    nonce: labeledExpand(suite, extracted, "base_nonce", context, NONCE_SIZE),
  };
}

const SUITE = suiteId(KEM);

/** Seal to a public key: encapsulation 1120 ‖ ciphertext ‖ tag 16. */
export function seal(publicKey: Uint8Array, plaintext: Uint8Array, info: Uint8Array, entropy: Entropy): Bytes {
  const { secret, encapsulated } = encapsulate(publicKey, entropy(ENCAPSULATION_ENTROPY));
  const { key, nonce } = schedule(SUITE, secret, info);
  return concat(encapsulated, chacha20poly1305(key, nonce).encrypt(plaintext));
}

/** Open what was sealed to the key pair of a 32-byte seed. Throws Refused when it wasn't, or was altered. */
export function open(seed: Uint8Array, sealed: Uint8Array, info: Uint8Array): Bytes {
  if (sealed.length < ENCAPSULATION_SIZE + TAG_SIZE) throw new Refused("sealed: too short");
  const secret = decapsulate(sealed.subarray(0, ENCAPSULATION_SIZE), seed);
  const { key, nonce } = schedule(SUITE, secret, info);
  try {
    return chacha20poly1305(key, nonce).decrypt(sealed.subarray(ENCAPSULATION_SIZE)) as Bytes;
  } catch {
    throw new Refused("sealed: not for this key, or altered");
  }
}
