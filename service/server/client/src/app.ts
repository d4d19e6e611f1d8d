// What the reporter's pages call.

export { Refused } from "./errors.ts";
