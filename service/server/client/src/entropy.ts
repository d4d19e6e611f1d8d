// Where randomness comes from: an argument of whatever needs it, and `crypto.getRandomValues` in the pages.

import type { Bytes } from "./bytes.ts";

export type Entropy = (size: number) => Bytes;

/** Give `size` (at most 65,536) bytes from the browser's generator. */
export const system: Entropy = (size) => globalThis.crypto.getRandomValues(new Uint8Array(size));
