// Letters in a mailbox: opening the sealed ones and reading what handlers wrote. crypto/SPEC.md §5, service/cases/letters.py.

import { fromHex, fromUtf8, type Bytes } from "./bytes.ts";
import { Refused } from "./errors.ts";
import { Reader } from "./framing.ts";
import { Label } from "./labels.ts";
import { unpad } from "./padding.ts";
import { DoesNotOpen, type MailboxKey, SEAL_OVERHEAD, unseal } from "./seal.ts";
import { verify, VerifyKey } from "./signatures.ts";
import { checkedText, LINE } from "./texts.ts";

export const LETTER_PLAINTEXT = 8192;
export const LETTER_SIZE = SEAL_OVERHEAD + LETTER_PLAINTEXT;
const MAX_TEXT = 5_000;
const MAX_READERS = 32;
const MAX_HANDED_TO = 8;
const STATES = ["received", "looking", "mediation", "decided", "closed"] as const;
const HEX16 = /^[0-9a-f]{32}$/;
const HEX32 = /^[0-9a-f]{64}$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export type State = (typeof STATES)[number];

/** A letter whose author's signature holds. Whether the author is in the roster is for the caller to check. */
export interface Letter {
  readonly id: string;
  readonly group: string;
  readonly roster: string;
  readonly author: string;
  readonly authorKey: string;
  readonly language: string;
  readonly day: string;
  readonly state: State | null;
  readonly question: boolean;
  readonly text: string;
  /** Hex key ids of those of the group to whom a follow-up is sealed. */
  readonly recipients: readonly string[];
  /** Who else reads it: the author is in the group, or in one of these. */
  readonly handedTo: readonly HandedTo[];
}

/** People of one group to whom the report was forwarded, and to whom an answer is handed on. */
export type HandedTo = {
  readonly group: string;
  /** Hex key ids. */
  readonly recipients: readonly string[];
};

/** Give the key ids of all who read the answer to a letter, by their group; the letter's own group first. */
export function reachOf(letter: Letter): Map<string, Set<string>> {
  const found = new Map([[letter.group, new Set(letter.recipients)]]);
  for (const { group, recipients } of letter.handedTo) found.set(group, new Set([...(found.get(group) ?? []), ...recipients]));
  return found;
}

/** Open a sealed letter. Throws DoesNotOpen for filler, another mailbox's letter and a changed one alike. */
export function openLetter(key: MailboxKey, sealed: Uint8Array): Bytes {
  if (sealed.length !== LETTER_SIZE) throw new DoesNotOpen();
  return unpad(unseal(key, sealed, Label.SEAL_LETTER, new Uint8Array(0)));
}

/** Parse an opened letter and check its author's signature. mailboxAddress: 32 bytes. Throws Refused. */
export function readLetter(raw: Uint8Array, mailboxAddress: Uint8Array): Letter {
  const reader = new Reader(raw, "letter");
  const body = reader.prefixed(LETTER_PLAINTEXT - 4);
  const signature = reader.take(64);
  reader.finish();
  const letter = parse(body);
  verify(new VerifyKey(fromHex(letter.authorKey)), Label.LETTER, signature, mailboxAddress, body);
  return letter;
}

const FIELDS = [
  "id", "group", "roster", "author", "author_key", "language", "day", "state", "question", "text", "recipients", "handed_to",
]; // prettier-ignore

function keyIds(found: unknown): found is string[] {
  return (
    Array.isArray(found) && found.length >= 1 && found.length <= MAX_READERS && found.every((id) => typeof id === "string" && HEX16.test(id))
  );
}

function handedTo(found: unknown): HandedTo[] {
  if (!Array.isArray(found) || found.length > MAX_HANDED_TO) throw new Refused("letter: not a letter");
  return found.map((told: unknown) => {
    if (typeof told !== "object" || told === null || Object.keys(told).some((name) => name !== "group" && name !== "recipients")) {
      throw new Refused("letter: not a letter");
    }
    const { group, recipients } = told as { group: unknown; recipients: unknown };
    if (typeof group !== "string" || !HEX16.test(group) || !keyIds(recipients)) throw new Refused("letter: not a letter");
    return { group, recipients };
  });
}

function parse(body: Uint8Array): Letter {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(fromUtf8(body)) as Record<string, unknown>;
  } catch {
    throw new Refused("letter: not a letter");
  }
  const text = (name: string, shape?: RegExp): string => {
    const value = found[name];
    if (typeof value !== "string" || (shape && !shape.test(value))) throw new Refused("letter: not a letter");
    return value;
  };
  if (typeof found !== "object" || found === null || Object.keys(found).some((name) => !FIELDS.includes(name))) {
    throw new Refused("letter: not a letter");
  }
  const { state, question, recipients } = found as { state: unknown; question: unknown; recipients: unknown };
  if (
    typeof question !== "boolean" ||
    !(state === null || STATES.includes(state as State)) ||
    !keyIds(recipients)
  ) {
    throw new Refused("letter: not a letter");
  }
  return {
    id: text("id", HEX16),
    group: text("group", HEX16),
    roster: text("roster", HEX32),
    author: checkedText(text("author"), LINE, "the author"),
    authorKey: text("author_key", HEX32),
    language: text("language", /^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/),
    day: text("day", DAY),
    state: state as State | null,
    question,
    text: checkedText(text("text"), MAX_TEXT, "the letter"),
    recipients,
    handedTo: handedTo("handed_to" in found ? found["handed_to"] : []),
  };
}
