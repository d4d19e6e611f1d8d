// What the reporter's pages call: everything that the browser does for them, and nothing of how a page looks.

export { readChallenge, solve } from "./admission.ts";
export { Api, Declined, Unreachable } from "./api.ts";
export { fromHex, toHex } from "./bytes.ts";
export {
  addressOf, Claim, claimOf, CodeTypo, confirmationPositions, confirms, fingerprintWords, mailboxOf, readCode, ReplyCode, toWords,
  UnclearLanguage,
} from "./codes.ts"; // prettier-ignore
export { system } from "./entropy.ts";
export { Refused } from "./errors.ts";
export { answerTo, authorOf, burnMailbox, choose, fileReport, LETTER_SLOTS, readSlots, recipients } from "./filing.ts";
export { MAX_PLAINTEXT } from "./padding.ts";
export { attach } from "./reports.ts";
export type { Attachment, FollowUp, Person, Report } from "./reports.ts";
export { recipientsOf, verifiedHistory } from "./rosters.ts";
export { LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT, tidy } from "./texts.ts";
export { LANGUAGES, loadWords } from "./words.ts";
