// Signed hash chains: statements under one root key, each naming the one before. crypto/SPEC.md §9.
//
//   statement  u8 version=1 ‖ u64 seq ‖ previous link 32 ‖ u32 length ‖ payload ‖ Ed25519 signature 64
//   link       H(CHAIN_LINK, label, statement), 32 bytes; the first statement's previous link is zeros

import { type Bytes, bigEndian, equal, utf8 } from "./bytes.ts";
import { Refused } from "./errors.ts";
import { Reader } from "./framing.ts";
import { digest } from "./hashing.ts";
import { Label } from "./labels.ts";
import { BadSignature, type VerifyKey, verify } from "./signatures.ts";

const VERSION = 1;
const LINK_SIZE = 32;
const MAX_PAYLOAD = 1024 * 1024;

/** A statement was not signed by the root key. */
export class Forged extends Refused {
  constructor() {
    super("a statement of the chain was not signed by its root key: it is forged");
  }
}

/** A statement does not follow the one before it: one is missing, moved or repeated. */
export class Broken extends Refused {
  constructor() {
    super("the chain is broken: a statement is missing, moved or repeated");
  }
}

export interface Statement {
  /** Its place, u64 big-endian as signed. */
  readonly seq: Bytes;
  readonly previous: Bytes;
  readonly payload: Bytes;
  readonly signature: Bytes;
  /** The link to it, as the next statement names it. */
  readonly link: Bytes;
}

/** Read a statement strictly. Nothing is verified. */
export function parseStatement(raw: Uint8Array, label: Label): Statement {
  const reader = new Reader(raw, "statement");
  if (reader.u8() !== VERSION) throw new Refused("statement: unknown version");
  const seq = reader.take(8);
  const previous = reader.take(LINK_SIZE);
  const payload = reader.prefixed(MAX_PAYLOAD);
  const signature = reader.take(64);
  reader.finish();
  return { seq, previous, payload, signature, link: digest(Label.CHAIN_LINK, [utf8(label), raw]) };
}

/** Verify raw statements, oldest first. Throws Forged, Broken, or Refused for what is malformed. */
export function verifyChain(statements: readonly Uint8Array[], root: VerifyKey, label: Label): Statement[] {
  let link: Uint8Array = new Uint8Array(LINK_SIZE);
  return statements.map((raw, seq) => {
    const statement = parseStatement(raw, label);
    try {
      verify(root, label, statement.signature, statement.seq, statement.previous, statement.payload);
    } catch (error) {
      throw error instanceof BadSignature ? new Forged() : error;
    }
    if (!equal(statement.seq, bigEndian(seq, 8)) || !equal(statement.previous, link)) throw new Broken();
    link = statement.link;
    return statement;
  });
}
