// Strict binary framing: exact lengths, nothing left over. crypto/SPEC.md §1.1.

import { type Bytes, bigEndian, concat } from "./bytes.ts";
import { Refused } from "./errors.ts";

/** Reads a byte string from front to back and refuses what doesn't fit exactly. */
export class Reader {
  readonly #data: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(data: Uint8Array, what: string) {
    this.#data = data;
    this.#what = what;
  }

  /** Read exactly `size` bytes, copied. */
  take(size: number): Bytes {
    const end = this.#at + size;
    if (!Number.isSafeInteger(size) || size < 0 || end > this.#data.length) throw new Refused(`${this.#what}: too short`);
    const piece = this.#data.slice(this.#at, end) as Bytes;
    this.#at = end;
    return piece;
  }

  /** Read `size` (at most 6) bytes as a big-endian number. */
  number(size: number): number {
    return this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  u8(): number {
    return this.number(1);
  }

  u32(): number {
    return this.number(4);
  }

  /** Read a part behind its four-byte length, which may be at most `limit`. */
  prefixed(limit: number): Bytes {
    const size = this.u32();
    if (size > limit) throw new Refused(`${this.#what}: a part is longer than allowed`);
    return this.take(size);
  }

  /** Refuse anything left over. */
  finish(): void {
    if (this.#at !== this.#data.length) throw new Refused(`${this.#what}: bytes left over`);
  }
}

/** Write a part behind its four-byte big-endian length, as `Reader.prefixed` reads it. */
export function part(value: Uint8Array): Bytes {
  return concat(bigEndian(value.length, 4), value);
}
