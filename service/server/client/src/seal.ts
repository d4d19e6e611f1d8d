// Sealing to a public key for one use: HPKE base mode over X-Wing. crypto/SPEC.md §4.

import { type Bytes, utf8 } from "./bytes.ts";
import type { Entropy } from "./entropy.ts";
import { Refused } from "./errors.ts";
import { digest, prefixed } from "./hashing.ts";
import * as hpke from "./hpke.ts";
import { Label } from "./labels.ts";
import { Secret } from "./secrets.ts";
import { ENCAPSULATION_SIZE, expand, isPublicKey, PUBLIC_KEY_SIZE, SEED_SIZE } from "./xwing.ts";

export const SEAL_OVERHEAD = ENCAPSULATION_SIZE + hpke.TAG_SIZE;
export const KEY_ID_SIZE = 16;

/** Sealed to another key or for another use, cut, or changed: nobody learns which. */
export class DoesNotOpen extends Refused {
  constructor() {
    super("this does not open with this key: it is for another one, or it was changed");
  }
}

/** An X-Wing public key, 1216 bytes, checked as crypto.seal.PublicKey checks it. */
export class PublicKey {
  readonly raw: Bytes;
  /** 16 bytes that name the key. */
  readonly id: Bytes;

  /** Throws Refused for anything but a valid key. */
  constructor(raw: Uint8Array) {
    if (raw.length !== PUBLIC_KEY_SIZE) throw new Refused("sealing key: a public key is 1216 bytes");
    if (!isPublicKey(raw)) throw new Refused("sealing key: not a valid public key");
    this.raw = new Uint8Array(raw);
    this.id = digest(Label.KEY_ID, [this.raw], KEY_ID_SIZE);
  }
}

/** The key that opens a mailbox's letters: a 32-byte X-Wing seed. */
export class MailboxKey extends Secret {
  constructor(raw: Uint8Array) {
    super(raw, SEED_SIZE, "MailboxKey");
  }

  publicKey(): PublicKey {
    return new PublicKey(expand(this.reveal()).publicKey);
  }
}

/** Seal for one use: `label` and public `context` must be the same to open. Gives plaintext's length + 1136 bytes. */
export function seal(to: PublicKey, plaintext: Uint8Array, label: Label, context: Uint8Array, entropy: Entropy): Bytes {
  return hpke.seal(to.raw, plaintext, prefixed([utf8(label), context]), entropy);
}

/** Open what `seal` made for this key, label and context. Throws DoesNotOpen, and nothing else. */
export function unseal(key: Secret, sealed: Uint8Array, label: Label, context: Uint8Array): Bytes {
  try {
    return hpke.open(key.reveal(), sealed, prefixed([utf8(label), context]));
  } catch {
    throw new DoesNotOpen();
  }
}
