// Secrets as types: fixed size, hidden from logs, JSON and string joins, and with one greppable way out.
// What JavaScript can't promise: that no copy stays in memory. `wipe` overwrites the one held here.

import { type Bytes, equal } from "./bytes.ts";
import { Refused } from "./errors.ts";

export abstract class Secret {
  readonly #raw: Bytes;

  /** raw: exactly `size` bytes, which are copied. Throws Refused otherwise. */
  constructor(raw: Uint8Array, size: number, what: string) {
    if (raw.length !== size) throw new Refused(`a ${what} is ${size} bytes`);
    this.#raw = new Uint8Array(raw);
  }

  /** Give the raw bytes: the only way out, so that a search for it finds every use. */
  reveal(): Bytes {
    return this.#raw;
  }

  /** Overwrite the bytes. The secret is of no use afterwards. */
  wipe(): void {
    this.#raw.fill(0);
  }

  /** Compare in constant time. */
  equals(other: Secret): boolean {
    return other.constructor === this.constructor && equal(this.#raw, other.#raw);
  }

  toString(): string {
    return "[hidden]";
  }

  toJSON(): never {
    throw new TypeError("a secret can't be encoded");
  }
}
