// What a report and a follow-up say, and how they become the bytes that are sealed: as service/cases/reports.py.
//
// Plaintext: u8 version 1 ‖ mailbox address 32 ‖ mailbox public key 1216 ‖ u32 length ‖ JSON ‖ the attachments' bytes.
// The JSON has no white space and its fields in Python's declared order, so that nobody can tell which side wrote it.

import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, bigEndian, concat, toHex, utf8 } from "./bytes.ts";
import type { Proof } from "./codes.ts";
import { nextTurn } from "./envelopes.ts";
import { Refused } from "./errors.ts";
import { MAX_PLAINTEXT } from "./padding.ts";
import { checkedText, LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT } from "./texts.ts";
import { PUBLIC_KEY_SIZE } from "./xwing.ts";

const VERSION = 1;
const MAX_JSON = 1024 * 1024;
const MEDIA_TYPE = /^[a-z0-9.+-]{1,60}\/[a-z0-9.+-]{1,80}$/;
const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export interface Person {
  readonly platform: string;
  readonly handle: string;
}

/** A report before it is filed. Texts as the person typed them after `tidy`; only `what` may not be empty on the form. */
export interface Report {
  readonly kind: "conduct" | "help" | "record";
  readonly what: string;
  readonly when: string;
  readonly where: string;
  readonly who: readonly Person[];
  readonly links: readonly string[];
  readonly witnesses: readonly string[];
  readonly urgency: "danger" | "soon" | "normal";
  /** BCP 47, of the page the report was written on. */
  readonly language: string;
  readonly wants: string;
  readonly fears: string;
  /** The day it was filed, `YYYY-MM-DD`. */
  readonly filedOn: string;
}

/** What comes with the burning of a mailbox. */
export interface FollowUp {
  readonly message: string;
  readonly language: string;
  readonly filedOn: string;
}

export interface Attachment {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
  /** True when the metadata was kept on the reporter's wish. */
  readonly original: boolean;
  /** Hex, of the content. `attach` takes it in slices; where it is missing, encoding takes it at once. */
  readonly sha256?: string;
}

/** A report with its files is larger than what can be sealed. */
export class TooLarge extends Refused {}

const SLICE = 256 * 1024;

/** Make an attachment of a file's bytes, letting the page breathe every 256 KiB while they are hashed. */
export async function attach(file: Omit<Attachment, "sha256">, pause: () => Promise<void> = nextTurn): Promise<Attachment> {
  const hash = sha256.create();
  for (let at = 0; at < file.content.length; at += SLICE) {
    hash.update(file.content.subarray(at, at + SLICE));
    await pause();
  }
  return { ...file, sha256: toHex(hash.digest()) };
}

/** The mailbox that answers go to. */
export interface ReturnAddress {
  readonly address: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Encode a report for sealing. Throws Refused on a text or size over the limits. */
export function encodeReport(report: Report, files: readonly Attachment[], to: ReturnAddress): Bytes {
  checkedText(report.what, LONG_TEXT, "what happened");
  checkedText(report.when, SHORT_TEXT, "when");
  checkedText(report.where, SHORT_TEXT, "where");
  checkedText(report.wants, SHORT_TEXT, "what you want");
  checkedText(report.fears, SHORT_TEXT, "what you fear");
  for (const items of [report.who, report.links, report.witnesses]) {
    if (items.length > MAX_ITEMS) throw new Refused("too many entries in a list");
  }
  const json = JSON.stringify({
    type: "report",
    kind: report.kind,
    what: report.what,
    when: report.when,
    where: report.where,
    who: report.who.map(({ platform, handle }) => ({
      platform: checkedText(platform, LINE, "a platform"),
      handle: checkedText(handle, LINE, "a handle"),
    })),
    links: report.links.map((link) => checkedText(link, SHORT_TEXT, "a link")),
    witnesses: report.witnesses.map((witness) => checkedText(witness, LINE, "a witness")),
    urgency: report.urgency,
    language: checkedLanguage(report.language),
    wants: report.wants,
    fears: report.fears,
    recorded: false,
    filed_on: checkedDay(report.filedOn),
    attachments: files.map(described),
    voice: null,
  });
  return assemble(json, files, to);
}

/** Encode a follow-up for sealing. proof: of the code that is being used up. */
export function encodeFollowUp(
  followUp: FollowUp,
  proof: Proof,
  files: readonly Attachment[],
  to: ReturnAddress,
): Bytes {
  const json = JSON.stringify({
    type: "followup",
    proof: toHex(proof.reveal()),
    message: checkedText(followUp.message, LONG_TEXT, "the message"),
    language: checkedLanguage(followUp.language),
    filed_on: checkedDay(followUp.filedOn),
    attachments: files.map(described),
  });
  return assemble(json, files, to);
}

function described(file: Attachment): object {
  checkedText(file.name, LINE, "a file's name");
  if (file.name === "" || /[/\\\n]/.test(file.name)) throw new Refused("a file's name may hold no path");
  if (!MEDIA_TYPE.test(file.mediaType)) throw new Refused("a file's kind is not one");
  return {
    name: file.name,
    media_type: file.mediaType,
    size: file.content.length,
    sha256: file.sha256 ?? toHex(sha256(file.content)),
    original: file.original,
  };
}

function assemble(json: string, files: readonly Attachment[], to: ReturnAddress): Bytes {
  if (files.length > MAX_ITEMS) throw new Refused("too many attachments");
  if (to.address.length !== 32 || to.publicKey.length !== PUBLIC_KEY_SIZE) throw new Refused("not a mailbox");
  const body = utf8(json);
  if (body.length > MAX_JSON) throw new Refused("the report is too long");
  const raw = concat(
    new Uint8Array([VERSION]),
    to.address,
    to.publicKey,
    bigEndian(body.length, 4),
    body,
    ...files.map((file) => file.content),
  );
  if (raw.length > MAX_PLAINTEXT) throw new TooLarge("the report with its files is larger than 8 MiB");
  return raw;
}

function checkedLanguage(language: string): string {
  if (!LANGUAGE.test(language)) throw new Refused("not a language");
  return language;
}

function checkedDay(day: string): string {
  if (!DAY.test(day) || new Date(`${day}T00:00:00Z`).toJSON()?.slice(0, 10) !== day) throw new Refused("report: not a date");
  return day;
}
