// The little that the pages' script needs of the document. Every text goes in as text, never as markup; every sentence
// comes from the page, in its language (`<li data-text>`), so that the script holds none.

/** Find an element that the page has to have. */
export function at<E extends HTMLElement = HTMLElement>(id: string, root: Document | DocumentFragment = document): E {
  const found = root.querySelector<E>(`#${id}`);
  if (!found) throw new Error("the page lacks an element");
  return found;
}

/** Find elements. */
export function all<E extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document): E[] {
  return [...root.querySelectorAll<E>(selector)];
}

/** Give a sentence of the page by its name, with what its placeholder stands for. */
export function sentence(name: string, limit?: number): string {
  const said = document.querySelector(`[data-text="${name}"]`)?.textContent ?? "";
  return limit === undefined ? said : said.replace("%(limit)s", String(limit));
}

/** Make an element with a text. */
export function made<K extends keyof HTMLElementTagNameMap>(tag: K, text = "", attributes: Record<string, string> = {}): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** What has to be corrected: the id of its field and a sentence. */
export interface Wrong {
  readonly field: string;
  readonly text: string;
}

/** Show the summary of what is wrong before `form`, name it at each field, and take the reader there. */
export function showWrong(form: HTMLElement, wrongs: readonly Wrong[]): void {
  clearWrong();
  if (wrongs.length === 0) return;
  const summary = made("div", "", { class: "errors", role: "alert", id: "errors", tabindex: "-1", "aria-labelledby": "errors-title" });
  summary.append(made("h2", sentence("look"), { id: "errors-title" }));
  const list = made("ul");
  for (const { field, text } of wrongs) {
    const item = made("li");
    item.append(made("a", text, { href: `#${field}` }));
    list.append(item);
    const input = document.getElementById(field);
    if (!input) continue;
    const note = made("p", text, { class: "error", id: `${field}-error` });
    if (input.matches("fieldset")) input.prepend(note);
    else {
      (input.closest(".choice") ?? input).before(note); // inside, it would take the label's column
      input.setAttribute("aria-invalid", "true");
      describe(input, "hint", "error");
    }
  }
  summary.append(list, made("p", sentence("kept")));
  form.before(summary);
  form.classList.add("all");
  summary.focus();
  summary.scrollIntoView();
}

/** Take everything back that `showWrong` showed. */
export function clearWrong(): void {
  document.getElementById("errors")?.remove();
  for (const note of all("p.error[id$='-error']")) note.remove();
  for (const input of all("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input, "hint");
  }
}

/** Have a field described by its hint and its error, as far as the page has them. */
function describe(input: Element, ...kinds: readonly ("hint" | "error")[]): void {
  const ids = kinds.map((kind) => `${input.id}-${kind}`).filter((id) => document.getElementById(id));
  if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

/** Whether a leaving page would lose something that its reader can't get back. */
let precious = false;

/** Say that something would be lost, or that nothing would. */
export function keep(something: boolean): void {
  precious = something;
}

addEventListener("beforeunload", (event) => {
  if (precious) event.preventDefault();
});
