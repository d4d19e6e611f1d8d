// What a person typed into the forms, as it goes into a report: tidied, held to the limits, mistakes named by field.

import { all, at, made, sentence, type Wrong } from "./dom.ts";
import { clean, type Cleaned, mediaTypeOf, NotCleanable } from "./clean.ts";
import { Refused } from "./errors.ts";
import { classFor, MAX_PLAINTEXT, SIZE_CLASSES } from "./padding.ts";
import { attach, type Attachment, type Person, type Report, TooLarge } from "./reports.ts";
import { LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT, tidy } from "./texts.ts";

/** Bytes that a report takes besides its files and texts: mailbox, JSON around the texts. */
const AROUND = 16 * 1024;
const TEXTS = { what: LONG_TEXT, when: SHORT_TEXT, where: SHORT_TEXT, wants: SHORT_TEXT, fears: SHORT_TEXT } as const;
const LISTS = { links: SHORT_TEXT, witnesses: LINE } as const;

/** Give what a field holds, tidied. */
export function typed(id: string): string {
  return tidy(at<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>(id).value);
}

function lines(id: string): string[] {
  return typed(id)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Give whom the report is about, row by row. */
export function people(): Person[] {
  const platforms = all<HTMLInputElement>("input[name=platform]");
  return all<HTMLInputElement>("input[name=handle]")
    .map((handle, i) => ({ platform: tidy(platforms[i]?.value ?? ""), handle: tidy(handle.value) }))
    .filter(({ platform, handle }) => platform !== "" || handle !== "");
}

/** Give the chosen urgency. */
export function urgency(): Report["urgency"] {
  const chosen = document.querySelector<HTMLInputElement>("input[name=urgency]:checked")?.value;
  return chosen === "soon" || chosen === "danger" ? chosen : "normal";
}

/** Read the report form. filedOn: the server's day. */
export function readReport(kind: Report["kind"], filedOn: string): Report {
  return {
    kind, filedOn, what: typed("what"), when: typed("when"), where: typed("where"), who: people(), links: lines("links"),
    witnesses: lines("witnesses"), urgency: urgency(), language: typed("language"), wants: typed("wants"), fears: typed("fears"),
  }; // prettier-ignore
}

/** Find what has to be corrected in a report: the same as service/server/pages/report_form.py. */
export function mistakes(report: Report): Wrong[] {
  const found: Wrong[] = [];
  const length = (text: string): number => [...text].length;
  if (report.what === "") found.push({ field: "what", text: sentence("what-empty") });
  for (const [field, limit] of Object.entries(TEXTS)) {
    if (length(report[field as keyof typeof TEXTS]) > limit) found.push({ field, text: sentence("too-long", limit) });
  }
  for (const [field, limit] of Object.entries(LISTS)) {
    const items = report[field as keyof typeof LISTS];
    if (items.length > MAX_ITEMS) found.push({ field, text: sentence("too-many", MAX_ITEMS) });
    if (items.some((item) => length(item) > limit)) found.push({ field, text: sentence("too-long", limit) });
  }
  if (report.who.some(({ platform, handle }) => length(platform) > LINE || length(handle) > LINE)) {
    found.push({ field: "who", text: sentence("too-long", LINE) });
  }
  return found;
}

/** The files can't be sent as they are: the sentence says why. */
export class FilesRefused extends Refused {}

/** Blame the files where they and what was typed are too large together; throw on whatever else it is. */
export function tooLarge(error: unknown): never {
  throw error instanceof TooLarge ? new FilesRefused(sentence("toolarge")) : error;
}

interface Chosen {
  readonly file: File;
  readonly cleaned: Cleaned | "unclean" | "damaged" | "toolarge";
}

/** The chosen files, cleaned as soon as they are chosen, so that their reader sees what is removed before sending. */
export class Files {
  #chosen: Promise<Chosen[]> = Promise.resolve([]);
  readonly #input = at<HTMLInputElement>("files");
  readonly #original = at<HTMLInputElement>("original");

  constructor() {
    this.#input.addEventListener("change", () => this.#look());
    this.#original.addEventListener("change", () => void this.#tell());
    if (this.#input.files?.length) this.#look(); // a browser may bring a form back with its files
  }

  /** Give the attachments. Throws FilesRefused. */
  async attachments(): Promise<Attachment[]> {
    const original = this.#original.checked;
    const made: Attachment[] = [];
    const chosen = await this.#chosen;
    if (chosen.length > MAX_ITEMS) throw new FilesRefused(sentence("too-many", MAX_ITEMS));
    for (const { file, cleaned } of chosen) {
      if (cleaned === "toolarge") throw new FilesRefused(sentence(cleaned));
      if (original) {
        const content = new Uint8Array(await file.arrayBuffer());
        made.push(await attach({ name: bareName(file.name), mediaType: mediaTypeOf(content), content, original: true }));
      } else if (cleaned === "unclean") throw new FilesRefused(sentence("file-unclean"));
      else if (cleaned === "damaged") throw new FilesRefused(sentence("file-damaged"));
      else made.push(await attach({ name: bareName(file.name), mediaType: cleaned.mediaType, content: cleaned.content, original: false }));
    }
    if (total(made) > MAX_PLAINTEXT - AROUND) throw new FilesRefused(sentence("toolarge"));
    return made;
  }

  /** Forget everything that was chosen. */
  clear(): void {
    this.#input.value = "";
    this.#chosen = Promise.resolve([]);
    void this.#tell();
  }

  #look(): void {
    this.#chosen = Promise.all([...(this.#input.files ?? [])].map(async (file) => ({ file, cleaned: await looked(file) })));
    void this.#tell();
  }

  async #tell(): Promise<void> {
    const chosen = await this.#chosen;
    const told = document.getElementById("files-told");
    if (!told) return; // the form was taken off the page meanwhile
    const list = made("ul", "", { class: "plain" });
    for (const { file, cleaned } of chosen) {
      const item = made("li");
      item.append(made("strong", file.name), made("br"), made("span", this.#original.checked ? "" : verdict(cleaned)));
      list.append(item);
    }
    const size = chosen.reduce((sum, { file }) => sum + file.size, AROUND);
    const sealed = size <= MAX_PLAINTEXT ? `${sentence("size")} ${kib(SIZE_CLASSES[classFor(size)]!)}` : sentence("toolarge");
    told.replaceChildren(list, made("p", sealed));
    told.hidden = chosen.length === 0;
  }
}

async function looked(file: File): Promise<Chosen["cleaned"]> {
  if (file.size > MAX_PLAINTEXT * 4) return "toolarge"; // no picture hides three quarters of itself
  try {
    return clean(new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    return error instanceof NotCleanable ? "unclean" : "damaged";
  }
}

function verdict(cleaned: Chosen["cleaned"]): string {
  if (typeof cleaned === "string") return sentence(cleaned);
  if (cleaned.removed.length === 0) return sentence("clean");
  return `${sentence("removed")} ${cleaned.removed.map((what) => sentence(what)).join(", ")}`;
}

function total(files: readonly Attachment[]): number {
  return files.reduce((sum, file) => sum + file.content.length, 0);
}

function kib(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`;
}

/** Take path and controls off a file's name; at most LINE characters, the end kept, never empty. */
export function bareName(name: string): string {
  const bare = tidy(name.split(/[/\\]/).at(-1) ?? "").replace(/[\n\t]/g, " ").trim();
  return [...bare].slice(-LINE).join("") || "file";
}
