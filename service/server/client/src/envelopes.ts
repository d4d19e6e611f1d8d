// Envelopes: one report, sealed to 1 to 32 handlers, its length a function of their number and its size class.
// crypto/SPEC.md §6. The browser can seal; nothing here can open.
//
//   header   u8 version=1 ‖ u8 size class ‖ group id 16 ‖ roster digest 32 ‖ u8 n ‖ n × key id 16, ascending
//   wraps    n × 1168: the content key by HPKE, in the order of the key ids
//   seal     commitment 32 ‖ chunks of 64 KiB, each XChaCha20-Poly1305, with its tag of 16

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Bytes, bigEndian, compare, concat } from "./bytes.ts";
import type { Entropy } from "./entropy.ts";
import { Refused } from "./errors.ts";
import { keyed } from "./hashing.ts";
import { Label } from "./labels.ts";
import { classFor, padTo, SIZE_CLASSES } from "./padding.ts";
import { KEY_ID_SIZE, type PublicKey, SEAL_OVERHEAD, seal } from "./seal.ts";

export const VERSION = 1;
export const MAX_RECIPIENTS = 32;
export const CHUNK_SIZE = 64 * 1024;
const CONTENT_KEY_SIZE = 32;
const WRAP_SIZE = SEAL_OVERHEAD + CONTENT_KEY_SIZE;
const COMMITMENT_SIZE = 32;
const TAG_SIZE = 16;
const FIXED_HEADER = 1 + 1 + 16 + 32 + 1;

/** To whom a report goes, of which group, in which state of its roster. */
export interface Recipients {
  readonly groupId: Uint8Array;
  readonly rosterDigest: Uint8Array;
  readonly keys: readonly PublicKey[];
}

export interface SealOptions {
  readonly entropy: Entropy;
  /** Told after each chunk and each wrap how much of the work is done, 0 to 1. */
  readonly progress?: (share: number) => void;
  /** Awaited between two pieces of work, so that a page stays responsive. Default: one turn of the event loop. */
  readonly pause?: () => Promise<void>;
}

/** Give the one length that an envelope to `n` recipients in a size class has. */
export function envelopeLength(n: number, sizeClass: number): number {
  const size = SIZE_CLASSES[sizeClass]!;
  const body = size + TAG_SIZE * Math.ceil(size / CHUNK_SIZE);
  return FIXED_HEADER + n * (KEY_ID_SIZE + WRAP_SIZE) + COMMITMENT_SIZE + body;
}

/** Write a header. keyIds: in strictly ascending order. Throws Refused on what can't be one. */
export function encodeHeader(sizeClass: number, to: Recipients, keyIds: readonly Uint8Array[]): Bytes {
  if (to.groupId.length !== 16 || to.rosterDigest.length !== 32) throw new Refused("envelope: group or roster of the wrong size");
  if (keyIds.length < 1 || keyIds.length > MAX_RECIPIENTS) throw new Refused("envelope: needs 1 to 32 recipients");
  if (keyIds.some((id, i) => i > 0 && compare(keyIds[i - 1]!, id) >= 0)) {
    throw new Refused("envelope: recipients not in strictly ascending order");
  }
  return concat(new Uint8Array([VERSION, sizeClass]), to.groupId, to.rosterDigest, new Uint8Array([keyIds.length]), ...keyIds);
}

/** Derive the body's key and the 32-byte commitment to it. */
export function bodyKeys(contentKey: Uint8Array, header: Uint8Array): { bodyKey: Bytes; commitment: Bytes } {
  const both = keyed(contentKey, Label.BODY_KEY, [header], 64);
  return { bodyKey: both.slice(0, 32), commitment: both.slice(32) };
}

/** Nonce of a chunk: 15 zeros ‖ u64 index ‖ u8 last. Fixed is safe: the key is fresh per envelope. */
export function chunkNonce(index: number, last: boolean): Bytes {
  return concat(new Uint8Array(15), bigEndian(index, 8), new Uint8Array([last ? 1 : 0]));
}

/** Seal at most 8 MiB − 4 bytes to 1 to 32 distinct keys, in any order. Throws Refused when that can't be. */
export async function sealEnvelope(plaintext: Uint8Array, to: Recipients, options: SealOptions): Promise<Bytes> {
  const { entropy, progress, pause = nextTurn } = options;
  const sizeClass = classFor(plaintext.length);
  const ordered = [...to.keys].sort((a, b) => compare(a.id, b.id));
  const header = encodeHeader(sizeClass, to, ordered.map((key) => key.id));
  const contentKey = entropy(CONTENT_KEY_SIZE);
  const { bodyKey, commitment } = bodyKeys(contentKey, header);
  const padded = padTo(plaintext, SIZE_CLASSES[sizeClass]!);
  const chunks = Math.ceil(padded.length / CHUNK_SIZE);
  const work = ordered.length + chunks;
  let done = 0;
  const step = async (): Promise<void> => {
    progress?.(++done / work);
    if (done < work) await pause();
  };

  const envelope = new Uint8Array(envelopeLength(ordered.length, sizeClass));
  let at = 0;
  const write = (piece: Uint8Array): void => {
    envelope.set(piece, at);
    at += piece.length;
  };
  try {
    write(header);
    for (const key of ordered) {
      write(seal(key, contentKey, Label.SEAL_REPORT, header, entropy));
      await step();
    }
    write(commitment);
    for (let index = 0; index < chunks; index++) {
      const nonce = chunkNonce(index, index === chunks - 1);
      const chunk = padded.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE);
      write(xchacha20poly1305(bodyKey, nonce, header).encrypt(chunk));
      await step();
    }
  } finally {
    contentKey.fill(0);
    bodyKey.fill(0);
    padded.fill(0);
  }
  return envelope;
}

/** Let the page breathe: wait one turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
