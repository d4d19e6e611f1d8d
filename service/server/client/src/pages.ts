// The entry of every page: hide what is said to people without scripts, listen for the quick exit, start the page's own part.

import { all } from "./dom.ts";
import { start as startMailbox } from "./mailbox-page.ts";
import { listen } from "./quick-exit.ts";
import { start as startReport } from "./report-page.ts";

// A page that the browser kept would show what was wiped, or what should have been: fetch it anew.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
listen();
const own = { report: startReport, mailbox: startMailbox }[document.body.dataset["page"] ?? ""];
if (own) {
  own();
  for (const said of all("[data-noscript]")) said.hidden = true;
}
