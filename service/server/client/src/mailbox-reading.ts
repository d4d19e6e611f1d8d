// A mailbox as the browser reads it: all slots, whatever is in them, so that a used, a wrong and an empty code look alike.
//
// Junk that somebody put there looks like the server's noise. What was seen is counted as service/reporter/mailboxes.py
// says, so that a mailbox is burned with exactly the letters that were looked at, and junk only slows a reporter down.

import { WORKER } from "./admission.ts";
import type { Api } from "./api.ts";
import { claimOf, type ReplyCode } from "./codes.ts";
import { LETTER_SLOTS, readSlots } from "./filing.ts";
import type { Letter } from "./letters.ts";

const MAX_PAGES = 8;

export class Mailbox {
  readonly code: ReplyCode;
  readonly #api: Api;
  readonly #waiting: () => void;
  #token: Promise<string | undefined>;
  #letters: readonly Letter[] = [];
  #seen = 0;
  /** Of the slots seen, the last one that something opened in when all were read. */
  #last = 0;

  /** token: admits the first request; waiting: says that the server makes one wait. */
  constructor(api: Api, code: ReplyCode, token: Promise<string | undefined>, waiting: () => void) {
    this.#api = api;
    this.code = code;
    this.#token = token;
    this.#waiting = waiting;
  }

  /** What was read so far, oldest first. */
  get letters(): readonly Letter[] {
    return this.#letters;
  }

  /** How many slots are known to be taken and were looked at. */
  get seen(): number {
    return this.#seen;
  }

  /** Fetch all pages, the last one first: what is filled meanwhile is on a page still to come, or not counted as seen. */
  async read(): Promise<void> {
    const letters: Letter[] = [];
    let seen = 0;
    for (let page = MAX_PAGES - 1; page >= 0; page--) {
      const found = await this.#readPage(page, 0);
      letters.unshift(...found.letters);
      seen = Math.max(seen, found.seen);
    }
    this.#letters = letters;
    this.#seen = seen;
    this.#last = seen - 1;
  }

  /** Look at the slot behind those seen, which the server said is taken. Whether letters came. */
  async readNext(): Promise<boolean> {
    const next = this.#seen;
    const found = await this.#readPage(Math.floor(next / LETTER_SLOTS), next % LETTER_SLOTS);
    this.#letters = [...this.#letters, ...found.letters];
    this.#seen = Math.max(found.seen, next + 1);
    return found.letters.length > 0;
  }

  /**
   * Whether the letters are still there: a code that was opened in two windows is used up by the first one's answer, and
   * the server takes a second one without a word. Not to be asked once an answer was sent: it may have been received.
   */
  async lasts(): Promise<boolean> {
    const { seen } = await this.#readPage(Math.floor(this.#last / LETTER_SLOTS), this.#last % LETTER_SLOTS);
    return seen > 0;
  }

  /** Open what opens of a page's slots from the `first` on. seen: all slots up to the last that does; 0 when none does. */
  async #readPage(page: number, first: number): Promise<{ letters: Letter[]; seen: number }> {
    const token = await this.#token;
    this.#token = Promise.resolve(undefined);
    const slots = await this.#api.openMailbox(claimOf(this.code), page, {
      worker: WORKER,
      waiting: this.#waiting,
      ...(token === undefined ? {} : { token }),
    });
    const letters: Letter[] = [];
    let seen = 0;
    for (let place = first; place < LETTER_SLOTS; place++) {
      const found = readSlots(this.code, [slots[place]!]);
      letters.push(...found.letters);
      if (found.seen > 0) seen = page * LETTER_SLOTS + place + 1;
    }
    return { letters, seen };
  }
}
