// When two names of handlers are the same: as service/cases/names.py, from whose tests the two are held together.

// What can't be seen, and what only formats: the same list as there, so that both leave out the same people.
const UNSEEN =
  /[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

/** Give the text that is the same for all spellings of a name. Compared only, never shown. service/cases/SPEC.md §4. */
export function folded(name: string): string {
  const text = caseless(name.replace(UNSEEN, "").normalize("NFD"));
  return caseless(text.normalize("NFKC")).normalize("NFKC").replace(/[\s\x1c-\x1f\x85]+/gu, " ").trim();
}

/** Full case folding, which toLowerCase() is not (ß, ς); the dotless ı is a letter of its own. */
function caseless(text: string): string {
  return Array.from(text, (letter) => (letter === "ı" ? letter : letter.toUpperCase().toLowerCase())).join("");
}
