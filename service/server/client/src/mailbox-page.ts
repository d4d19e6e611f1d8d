// The mailbox page: the browser reads the code, opens letters itself, shows a new code, and burns the old mailbox together
// with the answer. A used, a wrong and an empty code look the same.

import { WORKER } from "./admission.ts";
import { Api } from "./api.ts";
import { bigEndian, type Bytes, toHex } from "./bytes.ts";
import { CodeTypo, readCode, ReplyCode, UnclearLanguage } from "./codes.ts";
import { all, at, clearWrong, keep, sentence, showWrong } from "./dom.ts";
import { system } from "./entropy.ts";
import { burnMailbox, recipients } from "./filing.ts";
import { type Answered, Readers } from "./mailbox-readers.ts";
import { Mailbox } from "./mailbox-reading.ts";
import { confirmed, hideCode, showCode } from "./newcode.ts";
import { letterShown, readersShown } from "./opened.ts";
import { dayOf, done, failure } from "./report-page.ts";
import { LONG_TEXT } from "./texts.ts";
import { Files, FilesRefused, tooLarge, typed } from "./typing.ts";
import { type Language, loadWords, type WordList } from "./words.ts";

/** Where the body that burns a mailbox holds how many letters were seen. */
const SEEN_AT = 32;

class MailboxPage {
  readonly #api = new Api();
  readonly #words = (document.body.dataset["words"] ?? "english") as Language;
  readonly #readers = new Readers(this.#api);
  #token: Promise<string | undefined>;
  #used: Mailbox | undefined;
  #fresh: ReplyCode | undefined;
  #list: WordList | undefined;
  #files: Files | undefined;
  #sealed: { readonly same: string; readonly body: Bytes } | undefined;

  constructor() {
    this.#token = this.#api.admission(null, { worker: WORKER }).catch(() => undefined);
    at("open").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#open();
    });
    addEventListener("pagehide", () => {
      this.#used?.code.wipe();
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
      const mailbox = new Mailbox(this.#api, code, this.#token, () => this.#say(sentence("waiting")));
      this.#token = Promise.resolve(undefined);
      await mailbox.read();
      field.value = "";
      this.#used = mailbox;
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

  #show(): void {
    at("opening").remove();
    const opened = at("opened");
    opened.append(at<HTMLTemplateElement>("letters-page").content.cloneNode(true));
    opened.hidden = false;
    const any = this.#used!.letters.length > 0;
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
    const { letters } = this.#used!;
    if (letters.length === 0) return;
    await this.#readers.fetch().catch(() => undefined); // asked for again before burning
    at("letters").replaceChildren(...letters.map((letter) => letterShown(letter, this.#readers.author(letter))));
    try {
      this.#showReaders();
    } catch {
      // as above
    }
  }

  /** Find to whom the answer goes, and show them by name; undefined when nobody of them is there any more. */
  #showReaders(): Answered | undefined {
    const found = this.#readers.of(this.#used!.letters);
    if (found !== undefined) at("readers").replaceChildren(...readersShown(found));
    return found;
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
      if (await this.#burned(message)) done(this.#used!.code, this.#fresh!);
    } catch (error) {
      if (error instanceof FilesRefused) showWrong(form, [{ field: "files", text: error.message }]);
      at("burn-status").textContent = failure(error);
    } finally {
      button.disabled = false;
    }
  }

  /** Whether it was burned; otherwise the page says what to do first. */
  async #burned(message: string): Promise<boolean> {
    const used = this.#used!;
    const last = used.letters.at(-1)!;
    const [server] = await Promise.all([this.#api.server(), this.#readers.fetch()]);
    const readers = this.#showReaders();
    if (readers === undefined) {
      at("burn-status").textContent = sentence("nobody-left");
      return false;
    }
    const { roster, handlers } = readers;
    const files = await this.#files!.attachments();
    at("burn-status").textContent = sentence("sealing");
    if (this.#sealed === undefined && !(await used.lasts())) {
      at("burn-status").textContent = sentence("used");
      return false;
    }
    const followUp = { message, language: last.language, filedOn: dayOf(server) };
    // The same answer is sent as the same envelope: repeating that is harmless after a lost response.
    const same = JSON.stringify([message, last.language, toHex(roster.digest), handlers.map(({ id }) => id), files.map((file) => file.sha256)]);
    if (this.#sealed?.same !== same) {
      const body = await burnMailbox(used.code, this.#fresh!, used.seen, followUp, files, recipients(roster, handlers), { entropy: system }).catch(tooLarge);
      this.#sealed = { same, body };
    }
    const { body } = this.#sealed!;
    const waiting = (): void => void (at("burn-status").textContent = sentence("waiting"));
    for (;;) {
      body.set(bigEndian(used.seen, 2), SEEN_AT);
      at("burn-status").textContent = sentence("sending");
      if (await this.#api.burn(body, roster.groupId, server.verifyKey, { worker: WORKER, waiting })) return true;
      if (await used.readNext()) {
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

function typo(error: CodeTypo | UnclearLanguage): string {
  if (error instanceof UnclearLanguage) return sentence("unclear");
  if (error.positions.length > 0) return `${sentence("positions")} ${error.positions.join(", ")}`;
  return sentence(error.message.includes("words; these are") ? "count" : "checksum");
}

/** Take the page over. */
export function start(): void {
  if (all("#letters-page").length > 0) new MailboxPage();
}
