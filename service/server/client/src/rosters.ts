// Who is in a working group: a fold over the chain that the group's root key signed, as service/cases/rosters.py.
//
// The group's id stands for its root key, so a forged chain fails by itself. What a page can't do is remember heads from
// one visit to the next without storing them; it shows fingerprints for people to compare instead.

import { type Bytes, equal, fromBase64, fromHex, fromUtf8, toHex, utf8 } from "./bytes.ts";
import { parseStatement, verifyChain } from "./chains.ts";
import { Refused } from "./errors.ts";
import { digest } from "./hashing.ts";
import { Label } from "./labels.ts";
import { PublicKey } from "./seal.ts";
import { verify, VerifyKey } from "./signatures.ts";

const MAX_NAME = 120;
const MAX_HANDLERS = 256;
const MAX_STATEMENTS = 1_024;
const MAX_RECIPIENTS = 32;
const ROLES = ["handler", "council", "mediator"] as const;

export type Role = (typeof ROLES)[number];

/** A member of the group. The last of each kind of key is in force. */
export interface Handler {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly verifyKeys: readonly VerifyKey[];
  readonly sealKeys: readonly PublicKey[];
  readonly active: boolean;
}

/** The group as of one statement. */
export interface Roster {
  readonly groupId: Bytes;
  readonly digest: Bytes;
  readonly name: string;
  readonly languages: readonly string[];
  readonly minimum: number;
  /** Hex id of the group a report goes to when too few would be left. */
  readonly alternate: string | null;
  readonly handlers: readonly Handler[];
  /** Hex id of the registry whose members' voices count here. */
  readonly registry: string | null;
}

/** Those a report goes to unless the reporter leaves them out: active, in the role of handler. */
export function recipientsOf(roster: Roster): Handler[] {
  return roster.handlers.filter((handler) => handler.active && handler.role === "handler");
}

/** A handler's sealing key in force. */
export function sealKeyOf(handler: Handler): PublicKey {
  return handler.sealKeys.at(-1)!;
}

/** Give the 16-byte id of the group of a root key. */
export function groupIdOf(root: VerifyKey): Bytes {
  return digest(Label.GROUP_ID, [root.raw], 16);
}

/**
 * Verify a group's chain of raw statements and fold it. Gives all rosters, oldest first; the last is in force.
 * groupId: 16 bytes. Throws Forged, Broken, or Refused for what can't be.
 */
export function verifiedHistory(groupId: Uint8Array, statements: readonly Uint8Array[]): Roster[] {
  if (statements.length < 1 || statements.length > MAX_STATEMENTS) throw new Refused("roster: the chain is empty or too long");
  const first = parse(parseStatement(statements[0]!, Label.ROSTER).payload);
  if (first["do"] !== "found") throw new Refused("roster: the first statement has to found the group");
  const root = new VerifyKey(bytesOf(first["root"], 32));
  if (!equal(groupIdOf(root), groupId)) throw new Refused("roster: it is another group's");

  const rosters: Roster[] = [];
  verifyChain(statements, root, Label.ROSTER).forEach(({ payload, link }, seq) => {
    const said = parse(payload);
    if ((seq === 0) !== (said["do"] === "found")) throw new Refused("roster: a group can't be founded twice");
    const before: Roster = rosters.at(-1) ?? {
      groupId: new Uint8Array(groupId), digest: link, name: "", languages: [], minimum: 1, alternate: null, handlers: [], registry: null,
    }; // prettier-ignore
    rosters.push({ ...step(before, said), digest: link });
  });
  return rosters;
}

type Said = Record<string, unknown>;

function step(roster: Roster, said: Said): Roster {
  switch (said["do"]) {
    case "found":
    case "settings":
      return { ...roster, ...settings(roster, said) };
    case "add":
      return add(roster, said);
    case "rotate":
      return change(roster, said, (handler) => {
        const card = fresh(roster, said["card"], handler.id);
        return {
          ...handler,
          name: card.name,
          verifyKeys: [...handler.verifyKeys, card.verifyKey],
          sealKeys: [...handler.sealKeys, card.sealKey],
        };
      });
    case "retire":
      return change(roster, said, (handler) => ({ ...handler, active: false }));
    case "policy": // signed by the same root, shown by the server's pages; nothing here depends on it
      return roster;
    case "members": {
      const registry = said["registry"];
      if (registry !== null && (typeof registry !== "string" || !/^[0-9a-f]{64}$/.test(registry))) {
        throw new Refused("roster: not a statement");
      }
      return { ...roster, registry };
    }
    default:
      throw new Refused("roster: not a statement");
  }
}

function settings(roster: Roster, said: Said): Pick<Roster, "name" | "languages" | "minimum" | "alternate"> {
  const { languages, minimum, alternate } = said;
  if (!Array.isArray(languages) || !languages.every((tag) => typeof tag === "string") || new Set(languages).size !== languages.length) {
    throw new Refused("roster: not a statement");
  }
  if (!Number.isInteger(minimum) || (minimum as number) < 1 || (minimum as number) > MAX_RECIPIENTS) {
    throw new Refused("roster: not a statement");
  }
  const other = alternate === null ? null : hexOf(alternate);
  if (other === toHex(roster.groupId)) throw new Refused("roster: a group can't be its own alternate");
  return { name: named(said["name"]), languages: languages as string[], minimum: minimum as number, alternate: other };
}

function add(roster: Roster, said: Said): Roster {
  const id = hexOf(said["handler"]);
  if (roster.handlers.length >= MAX_HANDLERS) throw new Refused("roster: the group has too many handlers");
  if (roster.handlers.some((handler) => handler.id === id)) throw new Refused("roster: a handler is added twice");
  if (!ROLES.includes(said["role"] as Role)) throw new Refused("roster: not a statement");
  const card = fresh(roster, said["card"]);
  const handler: Handler = {
    id,
    name: card.name,
    role: said["role"] as Role,
    verifyKeys: [card.verifyKey],
    sealKeys: [card.sealKey],
    active: true,
  };
  return { ...roster, handlers: [...roster.handlers, handler] };
}

function change(roster: Roster, said: Said, to: (handler: Handler) => Handler): Roster {
  const id = hexOf(said["handler"]);
  if (!roster.handlers.some((handler) => handler.id === id && handler.active)) throw new Refused("roster: no such active handler");
  return { ...roster, handlers: roster.handlers.map((handler) => (handler.id === id ? to(handler) : handler)) };
}

/** Check a card's proof, that its keys were never used in this group, and that its name is free. */
function fresh(roster: Roster, card: unknown, owner?: string): { name: string; verifyKey: VerifyKey; sealKey: PublicKey } {
  if (typeof card !== "object" || card === null) throw new Refused("roster: not a statement");
  const fields = card as Said;
  const name = named(fields["pseudonym"]);
  const verifyKey = new VerifyKey(bytesOf(fields["verify_key"], 32));
  const sealKey = new PublicKey(bytesOf(fields["seal_key"], 1216));
  verify(verifyKey, Label.HANDLER_CARD, bytesOf(fields["proof"], 64), utf8(name), verifyKey.raw, sealKey.raw);
  for (const handler of roster.handlers) {
    if (handler.verifyKeys.some((key) => equal(key.raw, verifyKey.raw)) || handler.sealKeys.some((key) => equal(key.raw, sealKey.raw))) {
      throw new Refused("roster: a key is used twice");
    }
    // Two handlers of one name would let a reporter leave out the wrong one. Read as chains always were: who signs and the
    // server hold new names to more, and filing.ts leaves out everybody of a name.
    if (handler.id !== owner && handler.active && handler.name.toLowerCase() === name.toLowerCase()) {
      throw new Refused("roster: two handlers have the same name");
    }
  }
  return { name, verifyKey, sealKey };
}

function parse(payload: Uint8Array): Said {
  try {
    const said: unknown = JSON.parse(fromUtf8(payload));
    if (typeof said === "object" && said !== null && !Array.isArray(said)) return said as Said;
  } catch {
    // falls through to the one refusal
  }
  throw new Refused("roster: not a statement");
}

function named(value: unknown): string {
  if (typeof value !== "string" || value === "" || [...value].length > MAX_NAME || /[\p{Cc}\p{Cs}]/u.test(value)) {
    throw new Refused("a name has to be one line of text without spaces around it");
  }
  return value;
}

function bytesOf(value: unknown, size: number): Bytes {
  const raw = fromBase64(typeof value === "string" ? value : "!");
  if (raw.length !== size) throw new Refused("roster: not a statement");
  return raw;
}

function hexOf(value: unknown): string {
  if (typeof value !== "string" || fromHex(value).length !== 16) throw new Refused("roster: not a statement");
  return value;
}
