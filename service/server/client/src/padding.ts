// Padding, so that a length says one of six things and nothing else. crypto/SPEC.md §6.1.
//
// Padded form: u32 big-endian length ‖ content ‖ zeros up to the size.

import { type Bytes, bigEndian } from "./bytes.ts";
import { Refused } from "./errors.ts";

const KIB = 1024;
/** Padded sizes of a report, by size class 0 to 5. */
export const SIZE_CLASSES = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB * KIB, 8 * KIB * KIB] as const;
const LENGTH_SIZE = 4;
export const MAX_PLAINTEXT = 8 * KIB * KIB - LENGTH_SIZE;

/** Give the smallest size class that holds `length` bytes. Throws Refused above 8 MiB − 4. */
export function classFor(length: number): number {
  const index = SIZE_CLASSES.findIndex((size) => length <= size - LENGTH_SIZE);
  if (index < 0) throw new Refused("the report is larger than 8 MiB");
  return index;
}

/** Pad to `size` bytes, four of which hold the length. Throws Refused when it doesn't fit. */
export function padTo(content: Uint8Array, size: number): Bytes {
  if (content.length > size - LENGTH_SIZE) throw new Refused("padding: the content is larger than its size class");
  const padded = new Uint8Array(size);
  padded.set(bigEndian(content.length, LENGTH_SIZE));
  padded.set(content, LENGTH_SIZE);
  return padded;
}

/** Give the content back. Throws Refused when the length can't be or the padding isn't zeros. */
export function unpad(padded: Uint8Array): Bytes {
  if (padded.length < LENGTH_SIZE) throw new Refused("padding: malformed");
  const end = LENGTH_SIZE + new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (end > padded.length || padded.subarray(end).some((byte) => byte !== 0)) throw new Refused("padding: malformed");
  return padded.slice(LENGTH_SIZE, end) as Bytes;
}
