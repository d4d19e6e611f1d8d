// The server's API as the pages use it: what is sent holds no secret in an address, and no answer is believed unread.

import { type Bytes, fromBase64, fromHex, toBase64, toHex } from "./bytes.ts";
import type { Claim } from "./codes.ts";
import { Refused } from "./errors.ts";
import { checkReceipt, LETTER_SLOTS, type Receipt } from "./filing.ts";
import { LETTER_SIZE } from "./letters.ts";
import { type Roster, verifiedHistory } from "./rosters.ts";
import { VerifyKey } from "./signatures.ts";
import { type SolveOptions, solve } from "./admission.ts";

const JSON_TYPE = "application/json";
const BYTES_TYPE = "application/octet-stream";
const ANY_GROUP = "0".repeat(32);
const TRIES = 40;
const LONGEST_WAIT_S = 120;

/** The server can't be reached. Repeating is harmless. */
export class Unreachable extends Error {
  constructor() {
    super("the server can't be reached");
    this.name = "Unreachable";
  }
}

/** The server answered with a problem. `slug`: the last part of its type, such as `stale-roster`; "" when unreadable. */
export class Declined extends Error {
  readonly slug: string;
  readonly status: number;
  readonly retryAfterS: number | undefined;
  constructor(slug: string, status: number, retryAfterS: number | undefined) {
    super(`the server declined: ${slug || String(status)}`);
    this.name = "Declined";
    this.slug = slug;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export interface ServerInfo {
  readonly verifyKey: VerifyKey;
  readonly batchSeconds: number;
  readonly onion: string | null;
  /** The server's clock, seconds since 1970 UTC. */
  readonly now: number;
}

export interface AdmitOptions extends SolveOptions {
  /** Told when the server is under pressure and the request waits, in seconds. */
  readonly waiting?: (seconds: number) => void;
}

/** Talks to the server that the page came from. base: "" there; a whole address in tests. */
export class Api {
  readonly #base: string;

  constructor(base = "") {
    this.#base = base;
  }

  async server(): Promise<ServerInfo> {
    const info = await this.#json("/v1/server");
    if (info["protocol"] !== "sottovoce/1") throw new Refused("the server speaks another protocol: load the page again");
    const { onion, now, batch_seconds: batchSeconds } = info as { onion?: unknown; now?: unknown; batch_seconds?: unknown };
    return {
      verifyKey: new VerifyKey(fromBase64(String(info["verify_key"]))),
      batchSeconds: Number(batchSeconds),
      onion: typeof onion === "string" ? onion : null,
      now: Number(now),
    };
  }

  /** List the ids of the server's groups, in hex. Unsigned: only a group's chain says what is true of it. */
  async groups(): Promise<string[]> {
    const { groups } = await this.#json("/v1/groups");
    if (!Array.isArray(groups)) throw new Refused("the server's answer is not what was asked for");
    return groups.map((head: { group?: unknown } | null) => toHex(fromHex(String(head?.group))));
  }

  /** Fetch and verify a group's chain. Gives all rosters, oldest first; the last is in force. */
  async rosters(groupId: Uint8Array): Promise<Roster[]> {
    const { group, statements } = await this.#json(`/v1/groups/${toHex(groupId)}/roster`);
    if (group !== toHex(groupId) || !Array.isArray(statements)) throw new Refused("the server answered with another group's roster");
    return verifiedHistory(groupId, statements.map((statement) => fromBase64(String(statement))));
  }

  /** Get a token for one request. groupId: of the report; none to open a mailbox. Solve it while the person types. */
  async admission(groupId: Uint8Array | null, options: AdmitOptions = {}): Promise<string> {
    const room = groupId === null ? `${ANY_GROUP}/mailbox` : `${toHex(groupId)}/reports`;
    const { puzzle } = await this.#json(`/v1/admission/${room}`);
    return solve(String(puzzle), options);
  }

  /** File a sealed report. Repeating is harmless. urgent: handlers see it at once, which tells the server so. */
  async submit(
    groupId: Uint8Array,
    envelope: Uint8Array,
    server: VerifyKey,
    options: AdmitOptions & { urgent?: boolean; token?: string } = {},
  ): Promise<Receipt> {
    const headers: Record<string, string> = { "Content-Type": BYTES_TYPE };
    if (options.urgent) headers["Sottovoce-Urgent"] = "1";
    const answer = await this.#admitted(groupId, `/v1/groups/${toHex(groupId)}/reports`, envelope, headers, options);
    return receipt(await parsed(answer), server, envelope, groupId);
  }

  /** Fetch eight slots of a mailbox. Which of them hold letters only the code tells. */
  async openMailbox(claim: Claim, page: number, options: AdmitOptions & { token?: string } = {}): Promise<Bytes[]> {
    const body = JSON.stringify({ claim: toBase64(claim.reveal()), page });
    const headers = { "Content-Type": JSON_TYPE, Accept: BYTES_TYPE };
    const answer = await this.#admitted(null, "/v1/mailboxes/open", body, headers, options);
    const raw = new Uint8Array(await answer.arrayBuffer());
    if (raw.length !== LETTER_SLOTS * LETTER_SIZE) throw new Refused("the server's answer has the wrong length");
    return Array.from({ length: LETTER_SLOTS }, (_, i) => raw.slice(i * LETTER_SIZE, (i + 1) * LETTER_SIZE));
  }

  /**
   * Burn a mailbox and store the follow-up, in one step. Repeating with the same body is harmless.
   * body: of `burnMailbox`. Gives undefined when letters came that were not seen: nothing was changed, open again.
   */
  async burn(
    body: Uint8Array,
    groupId: Uint8Array,
    server: VerifyKey,
    options: AdmitOptions & { token?: string } = {},
  ): Promise<Receipt | undefined> {
    const headers = { "Content-Type": BYTES_TYPE };
    const found = await parsed(await this.#admitted(groupId, "/v1/mailboxes/burn", body, headers, options));
    if (found["outcome"] === "unread") return undefined;
    return receipt(found["receipt"] as Record<string, unknown>, server, body.subarray(34), groupId);
  }

  /** Post with a token; wait and present it again while queued, take a new one when it no longer does. */
  async #admitted(
    groupId: Uint8Array | null,
    path: string,
    body: Uint8Array | string,
    headers: Record<string, string>,
    options: AdmitOptions & { token?: string },
  ): Promise<Response> {
    let token = options.token;
    for (let tries = 0; ; tries++) {
      token ??= await this.admission(groupId, options);
      try {
        return await this.#fetch(path, {
          method: "POST",
          headers: { ...headers, "Sottovoce-Admission": token },
          body: body as BodyInit,
        });
      } catch (error) {
        if (!(error instanceof Declined) || tries >= TRIES) throw error;
        if (error.slug === "busy" || error.slug === "admission-early") {
          const wait = Math.min(Math.max(1, error.retryAfterS ?? 1), LONGEST_WAIT_S);
          options.waiting?.(wait);
          await new Promise((resolve) => setTimeout(resolve, wait * 1000));
          options.signal?.throwIfAborted();
        } else if (["admission-refused", "admission-spent", "admission-not-drawn", "admission-missing"].includes(error.slug)) {
          token = undefined;
        } else {
          throw error;
        }
      }
    }
  }

  async #json(path: string): Promise<Record<string, unknown>> {
    return parsed(await this.#fetch(path, { headers: { Accept: JSON_TYPE } }));
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(this.#base + path, {
        ...init,
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw new Unreachable();
    }
    if (answer.status === 200 || answer.status === 201) return answer;
    const wait = /^\d{1,6}$/.exec(answer.headers.get("Retry-After") ?? "");
    let slug = "";
    try {
      const found = /^urn:sottovoce:problem:([a-z-]{1,60})$/.exec(String((await parsed(answer))["type"]));
      slug = found?.[1] ?? "";
    } catch {
      slug = "";
    }
    throw new Declined(slug, answer.status, wait ? Number(wait[0]) : undefined);
  }
}

async function parsed(answer: Response): Promise<Record<string, unknown>> {
  try {
    const found: unknown = await answer.json();
    if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Record<string, unknown>;
  } catch {
    // falls through to the one refusal
  }
  throw new Refused("the server's answer is not what was asked for");
}

function receipt(found: Record<string, unknown>, server: VerifyKey, envelope: Uint8Array, groupId: Uint8Array): Receipt {
  const receipt = {
    envelope: String(found["envelope"]),
    day: Number(found["day"]),
    group: String(found["group"]),
    signature: fromBase64(String(found["signature"])),
  };
  checkReceipt(receipt, server, envelope, groupId);
  return receipt;
}
