// The limits of texts, and making a person's typing acceptable: the same as service/cases/texts.py.

import { Refused } from "./errors.ts";

export const LONG_TEXT = 100_000;
export const SHORT_TEXT = 2_000;
export const LINE = 300;
export const MAX_ITEMS = 50;

const FORBIDDEN = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu;
const ALLOWED = new Set(["\n", "\t"]);
// What Python's str.strip() removes, of which control characters are already gone. JavaScript's trim() also removes U+FEFF.
const SPACE = "[\\t\\n\\p{Zs}\\u2028\\u2029]+";
const ENDS = new RegExp(`^${SPACE}|${SPACE}$`, "gu");

/** Unify newlines, drop control characters and direction overrides, trim the ends. */
export function tidy(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(FORBIDDEN, (character) => (ALLOWED.has(character) ? character : ""))
    .replace(ENDS, "");
}

/** Give back a text of at most `limit` characters (code points) without controls; else throws Refused, naming `what`. */
export function checkedText(text: string, limit: number, what: string): string {
  let length = 0;
  for (const _ of text) if (++length > limit) throw new Refused(`${what} is longer than ${limit} characters`);
  for (const [character] of text.matchAll(FORBIDDEN)) {
    if (!ALLOWED.has(character)) throw new Refused(`${what} holds a control character`);
  }
  return text;
}
