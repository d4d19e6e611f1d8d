// The report page: who reads is checked against what the group's root signed, a puzzle is solved while its reader writes, the
// browser seals, and the code is shown once. Without this script the same form goes to the server, which says so on the page.

import { WORKER } from "./admission.ts";
import { Api, Declined, type ServerInfo, Unreachable } from "./api.ts";
import { fromHex, toHex, type Bytes } from "./bytes.ts";
import { ReplyCode } from "./codes.ts";
import { all, at, clearWrong, keep, made, sentence, showWrong, type Wrong } from "./dom.ts";
import { system } from "./entropy.ts";
import { Refused } from "./errors.ts";
import { choose, fileReport, recipients, withoutThose } from "./filing.ts";
import { confirmed, hideCode, showCode } from "./newcode.ts";
import type { Report } from "./reports.ts";
import { type Handler, recipientsOf, type Roster } from "./rosters.ts";
import { Files, FilesRefused, mistakes, people, readReport, tooLarge } from "./typing.ts";
import { type Language, loadWords, type WordList } from "./words.ts";

/** The people shown are not those that the group's root signed for. */
class OtherPeople extends Refused {}

/** Say on the page what went wrong, in its language. */
export function failure(error: unknown): string {
  if (error instanceof FilesRefused) return error.message;
  if (error instanceof Unreachable) return sentence("unreachable");
  if (error instanceof OtherPeople) return sentence("roster");
  if (error instanceof Declined && ["stale-roster", "unknown-roster", "wrong-recipients"].includes(error.slug)) return sentence("people-changed");
  return sentence("failed");
}

/** The server's day, `YYYY-MM-DD`. */
export function dayOf(server: ServerInfo): string {
  return new Date(server.now * 1000).toISOString().slice(0, 10);
}

interface Sealed {
  readonly envelope: Bytes;
  readonly code: ReplyCode;
  readonly groupId: Bytes;
  readonly names: readonly string[];
}

class ReportPage {
  readonly #api = new Api();
  readonly #form = at<HTMLFormElement>("report");
  readonly #group = fromHex(document.body.dataset["group"] ?? "");
  readonly #kind = document.body.dataset["kind"] as Report["kind"];
  readonly #files = new Files();
  #started: Promise<{ roster: Roster; server: ServerInfo }> | undefined;
  #token: Promise<string | undefined>;
  #sealed: Sealed | undefined;
  /** Who reads it, as it was last found out. */
  #reading: Promise<string> | undefined;

  constructor() {
    this.#begun().catch((error: unknown) => this.#say(failure(error)));
    this.#token = this.#solve();
    this.#form.addEventListener("input", (event) => {
      keep(true);
      this.#sealed = undefined; // what was sealed is not what stands here any more
      if ((event.target as Element).matches("[name=leave_out], [name=agreed]")) this.#reading = undefined;
      if (!at("review").hidden) this.#review(); // after a mistake all steps are shown at once
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    addEventListener("hashchange", () => this.#arrive());
    this.#arrive();
  }

  /** What was fetched at the start; asked for again when that failed, so that "try again" can help. */
  #begun(): Promise<{ roster: Roster; server: ServerInfo }> {
    const begun = (this.#started ??= this.#start());
    begun.catch(() => (this.#started = undefined));
    return begun;
  }

  async #start(): Promise<{ roster: Roster; server: ServerInfo }> {
    const [server, rosters] = await Promise.all([this.#api.server(), this.#api.rosters(this.#group)]);
    const roster = rosters.at(-1)!;
    const shown = all<HTMLInputElement>("input[name=leave_out]").map((box) => `${box.value} ${box.dataset["name"]}`);
    const signed = recipientsOf(roster).map((handler) => `${handler.id} ${handler.name}`);
    if (shown.join("\n") !== signed.join("\n")) throw new OtherPeople("the people shown are not those of the roster");
    return { roster, server };
  }

  async #solve(): Promise<string | undefined> {
    const bar = at<HTMLProgressElement>("progress");
    this.#say(sentence("solving"));
    bar.hidden = false;
    try {
      const token = await this.#api.admission(this.#group, { worker: WORKER, progress: (share) => (bar.value = share * 100) });
      if (this.#started) this.#say(sentence("solved")); // what went wrong at the start is not to be talked over
      return token;
    } catch {
      this.#say("");
      return undefined; // sending asks again, and says what is wrong
    } finally {
      bar.hidden = true;
    }
  }

  /** After a step was gone to: bring its heading into reach of screen readers, and the review up to date. */
  #arrive(): void {
    const step = document.querySelector<HTMLElement>(".step:target");
    // Whoever is in it already, and perhaps typing, keeps their place: this may run late.
    if (!step?.contains(document.activeElement)) step?.focus({ preventScroll: true });
    if (step?.id !== "step-6") return;
    this.#reading = undefined;
    this.#review();
  }

  #review(): void {
    const review = at("review");
    review.replaceChildren();
    const left = all<HTMLInputElement>("input[name=leave_out]:checked").map((box) => box.dataset["name"] ?? "");
    const add = (label: string, text: string): HTMLElement => {
      const said = made("dd", text || sentence("empty"), { dir: "auto" });
      review.append(made("dt", label), said);
      return said;
    };
    const legend = (id: string): string => at(id).querySelector("legend")?.textContent ?? "";
    add(legend("leave_out"), left.join(", "));
    const readers = add(at("title-1").lastChild?.textContent?.trim() ?? "", "…");
    void (this.#reading ??= this.#readers()).then((names) => (readers.textContent = names));
    const fields = (...ids: string[]): void => {
      for (const id of ids) add(document.querySelector(`label[for="${id}"]`)?.textContent ?? "", at<HTMLTextAreaElement>(id).value.trim());
    };
    fields("what", "when", "where");
    add(legend("who"), people().map(({ handle, platform }) => [handle, platform].filter((text) => text !== "").join(" · ")).join("\n"));
    fields("links", "witnesses", "wants", "fears");
    const files = at<HTMLInputElement>("files").files ?? [];
    add(document.querySelector("label[for=files]")?.textContent ?? "", [...files].map((file) => file.name).join(", "));
    const urgency = document.querySelector<HTMLInputElement>("input[name=urgency]:checked");
    add(legend("urgency"), urgency?.labels?.[0]?.textContent ?? "");
    review.hidden = false;
  }

  /** Name those who will read it as things stand, or say why nobody would. */
  async #readers(): Promise<string> {
    try {
      const wrongs: Wrong[] = [];
      const to = await this.#recipients((await this.#begun()).roster, wrongs);
      return to ? to.handlers.map(({ name }) => name).join(", ") : wrongs.map(({ text }) => text).join(" ");
    } catch (error) {
      return failure(error);
    }
  }

  async #send(): Promise<void> {
    const button = at<HTMLButtonElement>("send");
    button.disabled = true;
    this.#hold(true);
    try {
      clearWrong();
      const { roster, server } = await this.#begun();
      const report = readReport(this.#kind, dayOf(server));
      const wrongs = mistakes(report);
      const to = await this.#recipients(roster, wrongs);
      if (wrongs.length > 0 || to === undefined) {
        this.#say("");
        this.#hold(false);
        showWrong(this.#form, wrongs);
        return;
      }
      // The words are at hand before anything is sent: what is filed can be answered.
      const list = await loadWords(at<HTMLSelectElement>("words").value as Language);
      const sealed = this.#sealed ?? (await this.#seal(report, to.roster, to.handlers));
      this.#sealed = sealed;
      await this.#submit(sealed, server, report.urgency === "danger");
      this.#show(sealed, list);
    } catch (error) {
      this.#hold(false);
      if (error instanceof FilesRefused) showWrong(this.#form, [{ field: "files", text: error.message }]);
      this.#say(failure(error));
    } finally {
      this.#hold(false);
      button.disabled = false;
      if (button.isConnected && document.activeElement === document.body) button.focus({ preventScroll: true });
    }
  }

  /** Keep all steps but the last, which says how far it is, from being changed: what is typed while it is sealed would be lost. */
  #hold(held: boolean): void {
    for (const step of all(".step:not(#step-6)", this.#form)) step.inert = held;
  }

  async #recipients(roster: Roster, wrongs: Wrong[]): Promise<{ roster: Roster; handlers: readonly Handler[] } | undefined> {
    const left = new Set(all<HTMLInputElement>("input[name=leave_out]:checked").map((box) => box.value));
    const choice = choose(roster, left);
    if (choice.to === "group") return { roster, handlers: choice.handlers };
    const agreed = document.querySelector<HTMLInputElement>("#agreed");
    if (choice.to === "nobody" || agreed === null) {
      wrongs.push({ field: "leave_out", text: sentence("too-few-at-all") });
      return undefined;
    }
    if (!agreed.checked || agreed.value !== choice.groupId) {
      wrongs.push({ field: "agreed", text: sentence("too-few") });
      return undefined;
    }
    const other = (await this.#api.rosters(fromHex(choice.groupId))).at(-1)!;
    const said = (name: string): (string | null)[] => all(`#alternate .${name}`).map((element) => element.textContent);
    const shown = JSON.stringify([said("other-name"), said("other-person")]);
    if (shown !== JSON.stringify([[other.name], recipientsOf(other).map(({ name }) => name)]))
      throw new OtherPeople("the people shown of the other group are not those of its roster");
    // Whoever is in both groups and was left out stays out.
    const handlers = withoutThose(recipientsOf(other), choice.leftOut);
    if (handlers.length < Math.max(1, other.minimum)) {
      wrongs.push({ field: "leave_out", text: sentence("too-few-at-all") });
      return undefined;
    }
    return { roster: other, handlers };
  }

  async #seal(report: Report, roster: Roster, handlers: readonly Handler[]): Promise<Sealed> {
    const files = await this.#files.attachments();
    const code = ReplyCode.draw(system);
    const bar = at<HTMLProgressElement>("progress");
    this.#say(sentence("sealing"));
    bar.hidden = false;
    try {
      const progress = (share: number): void => void (bar.value = share * 100);
      const envelope = await fileReport(report, files, recipients(roster, handlers), code, { entropy: system, progress }).catch(tooLarge);
      return { envelope, code, groupId: roster.groupId, names: handlers.map(({ name }) => name) };
    } finally {
      bar.hidden = true;
    }
  }

  async #submit(sealed: Sealed, server: ServerInfo, urgent: boolean): Promise<void> {
    this.#say(sentence("sending"));
    const own = toHex(sealed.groupId) === toHex(this.#group);
    const token = own ? await this.#token : undefined;
    await this.#api.submit(sealed.groupId, sealed.envelope, server.verifyKey, {
      worker: WORKER,
      urgent,
      waiting: () => this.#say(sentence("waiting")),
      ...(token === undefined ? {} : { token }),
    });
  }

  #show({ code, names }: Sealed, list: WordList): void {
    this.#form.reset();
    this.#files.clear();
    at("filing").remove(); // nothing that was written stays in the page
    at("sent-to").textContent = names.join(", ");
    showCode(code, list);
    at("sent").hidden = false;
    history.replaceState(null, "", location.pathname);
    at("sent-title").focus();
    keep(true);
    at("confirm").addEventListener("submit", (event) => {
      event.preventDefault();
      if (confirmed(code, list)) done(code);
    });
    addEventListener("pagehide", () => {
      code.wipe();
      hideCode();
    });
  }

  #say(text: string): void {
    const status = document.getElementById("status");
    if (status) status.textContent = text;
  }
}

/** End: nothing of the code stays in the page, and the last page has the browser forget the site. */
export function done(...codes: ReplyCode[]): void {
  keep(false);
  for (const code of codes) code.wipe();
  hideCode();
  location.replace(`/${document.body.dataset["lang"]}/done`);
}

/** Take the page over. */
export function start(): void {
  new ReportPage();
}
