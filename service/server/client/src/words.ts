// BIP-39's ten word lists, and how to find in them what a person typed. crypto/SPEC.md §3.3.
//
// Each list is loaded when it is first needed, so that a page carries one and not ten. Typed text is folded, so that
// case, accents, composed or decomposed letters, katakana, numbering and punctuation make no difference.

import { Refused } from "./errors.ts";

export const LANGUAGES = [
  "english",
  "spanish",
  "french",
  "italian",
  "portuguese",
  "czech",
  "japanese",
  "korean",
  "chinese_simplified",
  "chinese_traditional",
] as const;

export type Language = (typeof LANGUAGES)[number];

const LOADERS: Record<Language, () => Promise<{ wordlist: string[] }>> = {
  english: () => import("@scure/bip39/wordlists/english.js"),
  chinese_simplified: () => import("@scure/bip39/wordlists/simplified-chinese.js"),
  chinese_traditional: () => import("@scure/bip39/wordlists/traditional-chinese.js"),
  czech: () => import("@scure/bip39/wordlists/czech.js"),
  french: () => import("@scure/bip39/wordlists/french.js"),
  italian: () => import("@scure/bip39/wordlists/italian.js"),
  japanese: () => import("@scure/bip39/wordlists/japanese.js"),
  korean: () => import("@scure/bip39/wordlists/korean.js"),
  portuguese: () => import("@scure/bip39/wordlists/portuguese.js"),
  spanish: () => import("@scure/bip39/wordlists/spanish.js"),
};

const WORDS = 2048;
const PREFIX = 4;
const MAX_TEXT = 2000;

/** One language's 2,048 words: `shown` as people read them, found by what they type. */
export class WordList {
  readonly language: Language;
  readonly shown: readonly string[];
  readonly folded: readonly string[];
  readonly #whole: Set<string>;
  readonly #index = new Map<string, number>();
  readonly #prefixes: boolean;

  constructor(language: Language, words: readonly string[]) {
    this.language = language;
    this.shown = words.map((word) => word.normalize("NFC"));
    this.folded = this.shown.map(fold);
    this.#whole = new Set(this.folded);
    this.folded.forEach((word, at) => this.#index.set(word, at));
    // Where four letters tell all words apart, four or more of them will do. A whole word goes first.
    const beginnings = new Set(this.folded.map((word) => letters(word).slice(0, PREFIX).join("")));
    this.#prefixes = beginnings.size === WORDS && this.folded.length === WORDS;
    if (!this.#prefixes) return;
    this.folded.forEach((word, at) => {
      const all = letters(word);
      for (let size = PREFIX; size < all.length; size++) {
        const beginning = all.slice(0, size).join("");
        if (!this.#index.has(beginning)) this.#index.set(beginning, at);
      }
    });
  }

  /** Give the index of a folded word or of a sufficient beginning. */
  find(word: string): number | undefined {
    return this.#index.get(word);
  }

  /** Give a folded word, cut to four letters where `like` is a four-letter beginning rather than a word. */
  abbreviated(index: number, like: string): string {
    const word = this.folded[index]!;
    const short = this.#prefixes && letters(like).length === PREFIX && !this.#whole.has(like);
    return short ? letters(word).slice(0, PREFIX).join("") : word;
  }
}

const loaded = new Map<Language, Promise<WordList>>();

/** Load a list, once. Fails when the network does; the next call tries again. */
export function loadWords(language: Language): Promise<WordList> {
  const known = loaded.get(language);
  if (known) return known;
  const loading = LOADERS[language]().then(({ wordlist }) => new WordList(language, wordlist));
  loaded.set(language, loading);
  loading.catch(() => loaded.delete(language));
  return loading;
}

/**
 * Bring text to the form in which words are compared: NFKD and lower case; accents (U+0300 to U+036F) and invisible
 * marks dropped, but not the voicing marks that tell か from が; katakana to hiragana.
 */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll("ß", "ss")
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\p{Cf}]/gu, "")
    .replace(/[\u30a1-\u30f6]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60));
}

/** Cut what was typed into folded words. Chinese needs no spaces. Throws Refused over 2,000 characters. */
export function tokens(text: string): string[] {
  if (letters(text).length > MAX_TEXT) throw new Refused("reply code: far too long");
  const words = fold(text).match(/[\p{L}\p{M}]+/gu) ?? [];
  return words.flatMap((word) => (/^[\u3400-\u9fff]+$/.test(word) ? letters(word) : [word]));
}

/** Say whether one letter put in, left out, replaced, or swapped with its neighbour turns `a` into `b`. */
export function distanceOne(a: string, b: string): boolean {
  const x = letters(a);
  const y = letters(b);
  if (Math.abs(x.length - y.length) > 1 || a === b) return false;
  let at = 0;
  while (at < x.length && at < y.length && x[at] === y[at]) at++;
  const rest = (from: string[], start: number): string => from.slice(start).join("");
  if (x.length === y.length) {
    const swapped = x[at] === y[at + 1] && x[at + 1] === y[at] && rest(x, at + 2) === rest(y, at + 2);
    return rest(x, at + 1) === rest(y, at + 1) || swapped;
  }
  return x.length < y.length ? rest(x, at) === rest(y, at + 1) : rest(x, at + 1) === rest(y, at);
}

const letters = (text: string): string[] => [...text];
