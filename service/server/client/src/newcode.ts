// Showing a reply code once: words, two of them typed back, copy and print, and nothing left when the page goes.

import { confirmationPositions, confirms, type ReplyCode, toWords } from "./codes.ts";
import { all, at, made, sentence } from "./dom.ts";
import type { Language, WordList } from "./words.ts";

/** Language tags of the word lists, for screen readers. */
const TAGS: Record<Language, string> = {
  english: "en", french: "fr", spanish: "es", portuguese: "pt", italian: "it", czech: "cs", japanese: "ja", korean: "ko",
  chinese_simplified: "zh-Hans", chinese_traditional: "zh-Hant",
}; // prettier-ignore

/** Show a code's words and ask for two of them. */
export function showCode(code: ReplyCode, list: WordList): void {
  const shown = at("code");
  shown.lang = TAGS[list.language];
  shown.replaceChildren(...toWords(code, list).map((word) => made("li", word)));
  confirmationPositions(code).forEach((position, index) => {
    const place = document.querySelector(`[data-position="${index + 1}"]`);
    if (place) place.textContent = String(position);
    at<HTMLInputElement>(`word${index + 1}`).value = "";
  });
  const copy = at<HTMLButtonElement>("copy");
  copy.hidden = !navigator.clipboard;
  copy.onclick = () => {
    const words = all("li", shown).map((item) => item.textContent).join(" ");
    void navigator.clipboard.writeText(words).then(() => {
      copy.textContent = sentence("copied");
    });
  };
  at<HTMLButtonElement>("print").onclick = () => print();
  at("code-actions").hidden = false;
}

/** Whether the two words typed back are right. Shows the sentence that says so when they aren't. */
export function confirmed(code: ReplyCode, list: WordList): boolean {
  const typed = new Map(
    confirmationPositions(code).map((position, index) => [position, at<HTMLInputElement>(`word${index + 1}`).value]),
  );
  const right = confirms(code, typed, list);
  at("confirm-wrong").hidden = right;
  if (!right) at(`word1`).focus();
  return right;
}

/** Take the words off the page. */
export function hideCode(): void {
  document.getElementById("code")?.replaceChildren();
  for (const id of ["word1", "word2"]) {
    const field = document.getElementById(id);
    if (field instanceof HTMLInputElement) field.value = "";
  }
}
