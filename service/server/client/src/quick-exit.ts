// Quick exit by key: Escape three times within two seconds. The link itself works without script.

import { all, at, keep } from "./dom.ts";

const TIMES = 3;
const WITHIN_MS = 2_000;

/** Empty the page and go to where the link leads, leaving no entry to come back to. */
export function leave(): void {
  const away = at<HTMLAnchorElement>("exit").href;
  keep(false);
  for (const field of all<HTMLInputElement>("input, textarea")) field.value = "";
  document.body.replaceChildren();
  document.title = "";
  location.replace(away);
}

/** Listen for the key. */
export function listen(): void {
  let pressed: number[] = [];
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const now = performance.now();
    pressed = [...pressed.filter((then) => now - then < WITHIN_MS), now];
    if (pressed.length >= TIMES) leave();
  });
  at<HTMLAnchorElement>("exit").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
}
