// The mailbox page: the browser reads the code, fetches all slots whatever is in them, opens letters itself, shows a new
// code, and burns the old mailbox together with the answer. A used, a wrong and an empty code look the same.
//
// Junk that somebody put there looks like the server's noise. What was seen is counted as service/reporter/mailboxes.py
// says, so that a mailbox is burned with exactly the letters that were looked at, and junk only slows a reporter down.

import { Api, Declined } from "./api.ts";
import { bigEndian, type Bytes, fromHex, toHex } from "./bytes.ts";
import { claimOf, CodeTypo, readCode, ReplyCode, UnclearLanguage } from "./codes.ts";
import { all, at, clearWrong, keep, made, sentence, showWrong } from "./dom.ts";
import { system } from "./entropy.ts";
import { answerTo, authorOf, burnMailbox, handedOn, LETTER_SLOTS, readSlots, recipients } from "./filing.ts";
import { type Letter, reachOf } from "./letters.ts";
import { confirmed, hideCode, showCode } from "./newcode.ts";
import { dayOf, done, failure } from "./report-page.ts";
import type { Handler, Roster } from "./rosters.ts";
import { LONG_TEXT } from "./texts.ts";
import { Files, FilesRefused, tooLarge, typed } from "./typing.ts";
import { type Language, loadWords, type WordList } from "./words.ts";

const WORKER = "/static/app/puzzle-worker.js";
const MAX_PAGES = 8;
/** Where the body that burns a mailbox holds how many letters were seen. */
const SEEN_AT = 32;

class MailboxPage {
  readonly #api = new Api();
  readonly #words = (document.body.dataset["words"] ?? "english") as Language;
  #token: Promise<string | undefined>;
  #used: ReplyCode | undefined;
  #fresh: ReplyCode | undefined;
  #list: WordList | undefined;
  #letters: readonly Letter[] = [];
  /** Slots that are known to be taken and were looked at. */
  #seen = 0;
  /** Of them, the last one that something opened in. */
  #last = 0;
  #files: Files | undefined;
  #sealed: { readonly same: string; readonly body: Bytes } | undefined;
  /** Of all groups, by their ids, as far as they came; and why the others did not. */
  readonly #rosters = new Map<string, Roster>();
  readonly #failed = new Map<string, unknown>();

  constructor() {
    this.#token = this.#api.admission(null, { worker: WORKER }).catch(() => undefined);
    at("open").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#open();
    });
    addEventListener("pagehide", () => {
      this.#used?.wipe();
      this.#fresh?.wipe();
      hideCode();
      document.getElementById("letters")?.replaceChildren();
    });
  }

  async #open(): Promise<void> {
    const form = at<HTMLFormElement>("open");
    const button = form.querySelector("button")!;
    const field = at<HTMLTextAreaElement>("codewords");
    button.disabled = true;
    clearWrong();
    form.classList.remove("all");
    try {
      const code = await readCode(field.value, this.#words);
      this.#say(sentence("solving"));
      await this.#read(code);
      field.value = "";
      this.#used = code;
      this.#fresh = ReplyCode.draw(system);
      this.#list = await loadWords(this.#words);
      this.#show();
    } catch (error) {
      this.#say("");
      if (error instanceof CodeTypo || error instanceof UnclearLanguage) showWrong(form, [{ field: "codewords", text: typo(error) }]);
      else this.#say(failure(error));
    } finally {
      button.disabled = false;
    }
  }

  /** Fetch all pages, the last one first: what is filled meanwhile is on a page still to come, or not counted as seen. */
  async #read(code: ReplyCode): Promise<void> {
    const letters: Letter[] = [];
    let seen = 0;
    for (let page = MAX_PAGES - 1; page >= 0; page--) {
      const found = await this.#readPage(code, page, 0);
      letters.unshift(...found.letters);
      seen = Math.max(seen, found.seen);
    }
    this.#letters = letters;
    this.#seen = seen;
    this.#last = seen - 1;
  }

  /** Look at the slot behind those seen, which the server said is taken. Whether letters came. */
  async #readNext(code: ReplyCode): Promise<boolean> {
    const next = this.#seen;
    const found = await this.#readPage(code, Math.floor(next / LETTER_SLOTS), next % LETTER_SLOTS);
    this.#letters = [...this.#letters, ...found.letters];
    this.#seen = Math.max(found.seen, next + 1);
    return found.letters.length > 0;
  }

  /**
   * Whether the letters are still there: a code that was opened in two windows is used up by the first one's answer, and
   * the server takes a second one without a word. Not to be asked once an answer was sent: it may have been received.
   */
  async #lasts(): Promise<boolean> {
    const { seen } = await this.#readPage(this.#used!, Math.floor(this.#last / LETTER_SLOTS), this.#last % LETTER_SLOTS);
    return seen > 0;
  }

  /** Open what opens of a page's slots from the `first` on. seen: all slots up to the last that does; 0 when none does. */
  async #readPage(code: ReplyCode, page: number, first: number): Promise<{ letters: Letter[]; seen: number }> {
    const token = await this.#token;
    this.#token = Promise.resolve(undefined);
    const slots = await this.#api.openMailbox(claimOf(code), page, {
      worker: WORKER,
      waiting: () => this.#say(sentence("waiting")),
      ...(token === undefined ? {} : { token }),
    });
    const letters: Letter[] = [];
    let seen = 0;
    for (let place = first; place < LETTER_SLOTS; place++) {
      const found = readSlots(code, [slots[place]!]);
      letters.push(...found.letters);
      if (found.seen > 0) seen = page * LETTER_SLOTS + place + 1;
    }
    return { letters, seen };
  }

  #show(): void {
    at("opening").remove();
    const opened = at("opened");
    opened.append(at<HTMLTemplateElement>("letters-page").content.cloneNode(true));
    opened.hidden = false;
    const any = this.#letters.length > 0;
    at("nothing").hidden = at("keep").hidden = any;
    if (any) this.#prepare();
    else at("answer").remove();
    void this.#render();
    at("letters-title").focus();
  }

  #prepare(): void {
    at("answer").hidden = false;
    this.#files = new Files();
    showCode(this.#fresh!, this.#list!);
    keep(true);
    at("burn").addEventListener("submit", (event) => {
      event.preventDefault();
      if (confirmed(this.#fresh!, this.#list!)) void this.#burn();
    });
  }

  async #render(): Promise<void> {
    if (this.#letters.length === 0) return;
    await this.#fetch().catch(() => undefined); // asked for again before burning
    at("letters").replaceChildren(...this.#letters.map((letter) => article(letter, this.#authors(letter))));
    try {
      this.#readers();
    } catch {
      // as above
    }
  }

  /**
   * Fetch the rosters of all groups that did not come yet: a request for those alone that a letter names would tell the
   * server to whom its report was forwarded, and so, as it knows who was handed which, whose mailbox this is.
   */
  async #fetch(): Promise<void> {
    const missing = (await this.#api.groups()).filter((group) => !this.#rosters.has(group));
    this.#failed.clear();
    const fetched = async (group: string): Promise<void> => {
      try {
        this.#rosters.set(group, (await this.#api.rosters(fromHex(group))).at(-1)!);
      } catch (error) {
        if (!(error instanceof Declined && error.status === 404)) this.#failed.set(group, error);
      }
    };
    await Promise.all(missing.map(fetched));
  }

  /**
   * Find to whom the answer goes, and show them by name; undefined when nobody of them is there any more.
   * To the group of the first letter, as long as it has somebody whom one of its letters names: no later letter takes the
   * answer to another group. In it, to those whom the newest letter names who are still there. Shown with those to whom
   * that letter says they hand it on.
   */
  #readers(): { roster: Roster; handlers: Handler[] } | undefined {
    for (const group of new Set(this.#letters.map((letter) => letter.group))) {
      const roster = this.#found(group);
      for (const letter of this.#letters.filter((one) => one.group === group).reverse()) {
        const handlers = roster === undefined ? [] : answerTo(letter, roster);
        if (roster === undefined || handlers.length === 0) continue;
        const shown = named(roster, handlers);
        for (const other of reachOf(letter).keys()) {
          const theirs = this.#found(other);
          const people = theirs === undefined ? [] : handedOn(letter, theirs, roster, handlers);
          if (theirs !== undefined && people.length > 0) shown.push("; ", ...named(theirs, people));
        }
        at("readers").replaceChildren(...shown);
        return { roster, handlers };
      }
    }
    return undefined;
  }

  /** Find the group of a letter's author, of those that it names; undefined when none has them under that name. */
  #authors(letter: Letter): Roster | undefined {
    const rosters = [...reachOf(letter).keys()].map((group) => this.#rosters.get(group));
    return rosters.find((roster) => roster !== undefined && authorOf(letter, roster)?.name === letter.author);
  }

  /** A group's roster; undefined where the server has no such group, whatever a letter says. Throws why it did not come. */
  #found(group: string): Roster | undefined {
    if (this.#failed.has(group)) throw this.#failed.get(group);
    return this.#rosters.get(group);
  }

  async #burn(): Promise<void> {
    const form = at<HTMLFormElement>("burn");
    const button = form.querySelector<HTMLButtonElement>("button[type=submit]")!;
    button.disabled = true;
    clearWrong();
    try {
      const message = typed("message");
      if ([...message].length > LONG_TEXT) {
        showWrong(form, [{ field: "message", text: sentence("too-long", LONG_TEXT) }]);
        return;
      }
      if (await this.#burned(message)) done(this.#used!, this.#fresh!);
    } catch (error) {
      if (error instanceof FilesRefused) showWrong(form, [{ field: "files", text: error.message }]);
      at("burn-status").textContent = failure(error);
    } finally {
      button.disabled = false;
    }
  }

  /** Whether it was burned; otherwise the page says what to do first. */
  async #burned(message: string): Promise<boolean> {
    const last = this.#letters.at(-1)!;
    const [server] = await Promise.all([this.#api.server(), this.#fetch()]);
    const readers = this.#readers();
    if (readers === undefined) {
      at("burn-status").textContent = sentence("nobody-left");
      return false;
    }
    const { roster, handlers } = readers;
    const files = await this.#files!.attachments();
    at("burn-status").textContent = sentence("sealing");
    if (this.#sealed === undefined && !(await this.#lasts())) {
      at("burn-status").textContent = sentence("used");
      return false;
    }
    const followUp = { message, language: last.language, filedOn: dayOf(server) };
    // The same answer is sent as the same envelope: repeating that is harmless after a lost response.
    const same = JSON.stringify([message, last.language, toHex(roster.digest), handlers.map(({ id }) => id), files.map((file) => file.sha256)]);
    if (this.#sealed?.same !== same) {
      const body = await burnMailbox(this.#used!, this.#fresh!, this.#seen, followUp, files, recipients(roster, handlers), { entropy: system }).catch(tooLarge);
      this.#sealed = { same, body };
    }
    const { body } = this.#sealed!;
    const waiting = (): void => void (at("burn-status").textContent = sentence("waiting"));
    for (;;) {
      body.set(bigEndian(this.#seen, 2), SEEN_AT);
      at("burn-status").textContent = sentence("sending");
      if (await this.#api.burn(body, roster.groupId, server.verifyKey, { worker: WORKER, waiting })) return true;
      if (await this.#readNext(this.#used!)) {
        await this.#render();
        at("burn-status").textContent = sentence("unread");
        at("letters-title").focus();
        return false;
      }
    }
  }

  #say(text: string): void {
    const status = document.getElementById("status");
    if (status) status.textContent = text;
  }
}

/** A group with people of it, by name. */
function named(roster: Roster, people: readonly Handler[]): (Node | string)[] {
  return [made("bdi", roster.name), ": ", ...people.flatMap(({ name }, place) => [...(place > 0 ? [", "] : []), made("bdi", name)])];
}

/** A letter as the server's template shows one (opened.html). */
function article(letter: Letter, theirs: Roster | undefined): HTMLElement {
  const shown = made("article", "", { class: "letter" });
  const head = made("h3");
  const elsewhere = theirs === undefined || toHex(theirs.groupId) === letter.group ? [] : [" (", made("bdi", theirs.name), ")"];
  head.append(made("bdi", letter.author), ...elsewhere, " · ", made("span", letter.day, { dir: "ltr" }));
  shown.append(head);
  if (theirs === undefined) shown.append(made("p", sentence("careful"), { class: "error" }));
  if (letter.question) shown.append(made("p", sentence("question"), { class: "tag" }));
  if (letter.state !== null) shown.append(made("p", sentence(`state-${letter.state}`), { class: "state" }));
  const text = made("div", "", { class: "text", dir: "auto", lang: letter.language });
  text.append(...letter.text.split("\n").filter((line) => line.trim() !== "").map((line) => made("p", line)));
  shown.append(text);
  return shown;
}

function typo(error: CodeTypo | UnclearLanguage): string {
  if (error instanceof UnclearLanguage) return sentence("unclear");
  if (error.positions.length > 0) return `${sentence("positions")} ${error.positions.join(", ")}`;
  return sentence(error.message.includes("words; these are") ? "count" : "checksum");
}

/** Take the page over. */
export function start(): void {
  if (all("#letters-page").length > 0) new MailboxPage();
}
