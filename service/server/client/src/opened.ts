// Letters, and who reads an answer to them, as the server's template shows both (opened.html).

import { toHex } from "./bytes.ts";
import { made, sentence } from "./dom.ts";
import type { Letter } from "./letters.ts";
import type { Answered, People } from "./mailbox-readers.ts";
import type { Roster } from "./rosters.ts";

/** Who reads an answer, each group with its people by name. */
export function readersShown({ roster, handlers, handedOn }: Answered): (Node | string)[] {
  return [{ roster, handlers }, ...handedOn].flatMap((people, place) => [...(place > 0 ? ["; "] : []), ...named(people)]);
}

function named({ roster, handlers }: People): (Node | string)[] {
  return [made("bdi", roster.name), ": ", ...handlers.flatMap(({ name }, place) => [...(place > 0 ? [", "] : []), made("bdi", name)])];
}

/** A letter. theirs: its author's group; undefined where no group that it names has them. */
export function letterShown(letter: Letter, theirs: Roster | undefined): HTMLElement {
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
