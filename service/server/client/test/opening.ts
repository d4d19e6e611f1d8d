// Opens an envelope from the browser's own parts. For tests: what a browser is served can seal and not open.

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Bytes, compare, concat, equal, toHex } from "../src/bytes.ts";
import { bodyKeys, CHUNK_SIZE, chunkNonce, encodeHeader, envelopeLength, MAX_RECIPIENTS, VERSION } from "../src/envelopes.ts";
import { Refused } from "../src/errors.ts";
import { Reader } from "../src/framing.ts";
import { Label } from "../src/labels.ts";
import { SIZE_CLASSES, unpad } from "../src/padding.ts";
import { type MailboxKey, unseal } from "../src/seal.ts";

/** Open an envelope for one of its recipients. crypto/SPEC.md §6.2 and §6.4. Throws Refused. */
export function openedBy(key: MailboxKey, raw: Uint8Array): Bytes {
  const reader = new Reader(raw, "envelope");
  const [version, sizeClass] = [reader.u8(), reader.u8()];
  const [groupId, rosterDigest] = [reader.take(16), reader.take(32)];
  const count = reader.u8();
  if (version !== VERSION || sizeClass >= SIZE_CLASSES.length || count < 1 || count > MAX_RECIPIENTS) {
    throw new Refused("envelope: malformed");
  }
  const ids = Array.from({ length: count }, () => reader.take(16));
  if (ids.some((id, i) => i > 0 && compare(ids[i - 1]!, id) >= 0) || raw.length !== envelopeLength(count, sizeClass)) {
    throw new Refused("envelope: malformed");
  }
  const header = encodeHeader(sizeClass, { groupId, rosterDigest, keys: [] }, ids);
  const wraps = ids.map(() => reader.take(1168));
  const own = ids.findIndex((id) => toHex(id) === toHex(key.publicKey().id));
  if (own < 0) throw new Refused("envelope: for others");
  const { bodyKey, commitment } = bodyKeys(unseal(key, wraps[own]!, Label.SEAL_REPORT, header), header);
  if (!equal(reader.take(32), commitment)) throw new Refused("envelope: another body");
  const size = SIZE_CLASSES[sizeClass]!;
  const pieces: Bytes[] = [];
  for (let at = 0, index = 0; at < size; at += CHUNK_SIZE, index++) {
    const sealed = reader.take(Math.min(CHUNK_SIZE, size - at) + 16);
    try {
      pieces.push(xchacha20poly1305(bodyKey, chunkNonce(index, at + CHUNK_SIZE >= size), header).decrypt(sealed) as Bytes);
    } catch {
      throw new Refused("envelope: changed");
    }
  }
  reader.finish();
  return unpad(concat(...pieces));
}
