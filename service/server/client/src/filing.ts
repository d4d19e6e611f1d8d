// Filing a report, reading a mailbox and burning it, from the reporter's side: as service/cases/filing.py, so that nobody
// can tell from an envelope how it was made. No network here: api.ts sends what this makes.

import { type Bytes, bigEndian, concat, toHex } from "./bytes.ts";
import { addressOf, claimOf, mailboxOf, prove, type ReplyCode } from "./codes.ts";
import { type Recipients, type SealOptions, sealEnvelope } from "./envelopes.ts";
import { Refused } from "./errors.ts";
import { type Letter, openLetter, reachOf, readLetter } from "./letters.ts";
import { type Attachment, encodeFollowUp, encodeReport, type FollowUp, type Report, type ReturnAddress } from "./reports.ts";
import { folded } from "./names.ts";
import { type Handler, recipientsOf, type Roster, sealKeyOf } from "./rosters.ts";
import { DoesNotOpen } from "./seal.ts";
import { VerifyKey, verify } from "./signatures.ts";
import { digest } from "./hashing.ts";
import { Label } from "./labels.ts";

export const LETTER_SLOTS = 8;

/** What becomes of a report when some are left out. */
export type Choice =
  | { readonly to: "group"; readonly handlers: readonly Handler[] }
  | { readonly to: "alternate"; readonly groupId: string; readonly leftOut: readonly Handler[] }
  | { readonly to: "nobody" };

/**
 * Decide who receives a report when the handlers with these ids must not. design.md §4.
 * Where an old roster has two whose names fold to the same, both are left out: neither is the wrong one.
 */
export function choose(roster: Roster, leftOut: ReadonlySet<string>): Choice {
  const all = recipientsOf(roster);
  const names = new Set(all.filter((handler) => leftOut.has(handler.id)).map((handler) => folded(handler.name)));
  const kept = all.filter((handler) => !names.has(folded(handler.name)));
  if (kept.length >= Math.max(1, roster.minimum)) return { to: "group", handlers: kept };
  if (roster.alternate === null) return { to: "nobody" };
  return { to: "alternate", groupId: roster.alternate, leftOut: all.filter((handler) => !kept.includes(handler)) };
}

/** Leave out of a group those who are in another one too: by a signing key they ever had, or by name. */
export function withoutThose(handlers: readonly Handler[], others: readonly Handler[]): Handler[] {
  const keys = new Set(others.flatMap((other) => other.verifyKeys.map((key) => toHex(key.raw))));
  const names = new Set(others.map((other) => folded(other.name)));
  return handlers.filter(
    (handler) => !names.has(folded(handler.name)) && !handler.verifyKeys.some((key) => keys.has(toHex(key.raw))),
  );
}

/** Name the recipients of a report or follow-up. */
export function recipients(roster: Roster, handlers: readonly Handler[]): Recipients {
  return { groupId: roster.groupId, rosterDigest: roster.digest, keys: handlers.map(sealKeyOf) };
}

/** The mailbox that a code opens, as a report carries it. */
export function returnAddress(code: ReplyCode): ReturnAddress {
  const mailbox = mailboxOf(code);
  const publicKey = mailbox.publicKey().raw;
  mailbox.wipe();
  return { address: addressOf(claimOf(code)), publicKey };
}

/** Seal a report that answers to the mailbox of `code`. Throws Refused when a text or a size is over its limit. */
export async function fileReport(
  report: Report,
  files: readonly Attachment[],
  to: Recipients,
  code: ReplyCode,
  options: SealOptions,
): Promise<Bytes> {
  return sealEnvelope(encodeReport(report, files, returnAddress(code)), to, options);
}

/**
 * Make the body that burns the mailbox of `used` and answers to the one of `fresh` from now on:
 * claim 32 ‖ u16 lettersSeen ‖ envelope.
 */
export async function burnMailbox(
  used: ReplyCode,
  fresh: ReplyCode,
  lettersSeen: number,
  followUp: FollowUp,
  files: readonly Attachment[],
  to: Recipients,
  options: SealOptions,
): Promise<Bytes> {
  const plaintext = encodeFollowUp(followUp, prove(used), files, returnAddress(fresh));
  return concat(claimOf(used).reveal(), bigEndian(lettersSeen, 2), await sealEnvelope(plaintext, to, options));
}

/** What is in a mailbox. `damaged` counts what opened and was not a letter: sealed to this mailbox, but wrongly. */
export interface Mailbox {
  readonly letters: readonly Letter[];
  readonly damaged: number;
  /** Slots that held something sealed to this mailbox: what burning it says was seen. */
  readonly seen: number;
}

/** Open the slots that the server gave for a claim. Noise and letters for others are not told apart and not counted. */
export function readSlots(code: ReplyCode, slots: readonly Uint8Array[]): Mailbox {
  const key = mailboxOf(code);
  const address = addressOf(claimOf(code));
  const letters: Letter[] = [];
  let damaged = 0;
  for (const slot of slots) {
    try {
      letters.push(readLetter(openLetter(key, slot), address));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!(error instanceof DoesNotOpen)) damaged++;
    }
  }
  key.wipe();
  return { letters, damaged, seen: letters.length + damaged };
}

/** Find the handler who signed a letter, in the verified roster of a group that it names; undefined when nobody there did. */
export function authorOf(letter: Letter, roster: Roster): Handler | undefined {
  if (!reachOf(letter).has(toHex(roster.groupId))) return undefined;
  return roster.handlers.find((handler) => handler.verifyKeys.some((key) => toHex(key.raw) === letter.authorKey));
}

/**
 * Find whom a follow-up goes to: those who read the report and are still there as handlers, with their keys in force.
 * The server takes nothing else, so a letter that names others would lock the reporter out.
 */
export function answerTo(letter: Letter, roster: Roster): Handler[] {
  const named = holders(new Set(letter.recipients), roster);
  return recipientsOf(roster).filter((handler) => named.includes(handler));
}

/**
 * Find those of one group to whom the answer to a letter is handed on, by the letter's word.
 *
 * theirs: that group's roster. answered: the roster of the group that is answered. kept: to whom of it the answer is sealed.
 * Not named is whom the server hands nothing, as left out of the answer: whoever has the name, or a key, of a recipient in
 * `answered` who is not kept.
 */
export function handedOn(letter: Letter, theirs: Roster, answered: Roster, kept: readonly Handler[]): Handler[] {
  const group = toHex(theirs.groupId);
  const ids = new Set(kept.map(({ id }) => id));
  const refused = recipientsOf(answered).filter(({ id }) => !ids.has(id));
  const found = withoutThose(holders(reachOf(letter).get(group) ?? new Set(), theirs), refused);
  return found.filter(({ id }) => group !== toHex(answered.groupId) || !ids.has(id));
}

function holders(keyIds: ReadonlySet<string>, roster: Roster): Handler[] {
  return roster.handlers.filter((handler) => handler.active && handler.sealKeys.some((key) => keyIds.has(toHex(key.id))));
}

/** A server's signed word that it durably stored an envelope. */
export interface Receipt {
  readonly envelope: string;
  /** Days since 1970-01-01 UTC. */
  readonly day: number;
  readonly group: string;
  readonly signature: Uint8Array;
}

/** Throw Refused unless the receipt is this server's for this envelope and group. */
export function checkReceipt(receipt: Receipt, server: VerifyKey, envelope: Uint8Array, groupId: Uint8Array): void {
  const name = digest(Label.ENVELOPE, [envelope]);
  if (receipt.envelope !== toHex(name) || receipt.group !== toHex(groupId)) throw new Refused("receipt: it is for another report");
  verify(server, Label.RECEIPT, receipt.signature, name, bigEndian(receipt.day, 4), groupId);
}

