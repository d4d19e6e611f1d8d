// Getting one request in: a proof of work in a worker, or between turns of the event loop where there are no workers.

import { concat, fromBase64, toBase64, type Bytes } from "./bytes.ts";
import { nextTurn } from "./envelopes.ts";
import { Refused } from "./errors.ts";
import { difficultyOf, solving, SUB_PUZZLES } from "./puzzle.ts";

/** Where the pages find puzzle-worker.js. */
export const WORKER = "/static/app/puzzle-worker.js";

export interface SolveOptions {
  /** Address of puzzle-worker.js; without it, or where it doesn't start, the page's own thread works in slices. */
  readonly worker?: string;
  /** Told how much of the work is done, 0 to 1. */
  readonly progress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** Read a challenge as the server writes it (base64url without padding). Throws Refused. */
export function readChallenge(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Refused("the server's puzzle is malformed");
  const raw = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4));
  difficultyOf(raw);
  return raw;
}

/** Solve a challenge and give the token for the header `Sottovoce-Admission`. Throws Refused on a dishonest one. */
export async function solve(challenge: string, options: SolveOptions = {}): Promise<string> {
  const raw = readChallenge(challenge);
  const solution = (await inWorker(raw, options)) ?? (await inSlices(raw, options));
  options.progress?.(1);
  return toBase64(concat(raw, solution)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function inSlices(raw: Bytes, { progress, signal }: SolveOptions): Promise<Bytes> {
  const steps = solving(raw);
  let step = steps.next();
  while (!step.done) {
    progress?.(step.value / SUB_PUZZLES);
    await nextTurn();
    signal?.throwIfAborted();
    step = steps.next();
  }
  return step.value;
}

/** Undefined when there are no workers here (old browsers, "Safest" settings, a policy that forbids them). */
function inWorker(raw: Bytes, { worker: address, progress, signal }: SolveOptions): Promise<Bytes | undefined> {
  if (address === undefined || typeof Worker === "undefined") return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    let worker: Worker;
    try {
      worker = new Worker(address, { type: "module" });
    } catch {
      resolve(undefined);
      return;
    }
    const finish = (act: () => void): void => {
      worker.terminate();
      signal?.removeEventListener("abort", abort);
      act();
    };
    const abort = (): void => finish(() => reject(signal?.reason));
    worker.onerror = () => finish(() => resolve(undefined));
    worker.onmessage = ({ data }: MessageEvent<number | Bytes | null>) => {
      if (typeof data === "number") progress?.(data / SUB_PUZZLES);
      else if (data === null) finish(() => reject(new Refused("the server's puzzle is malformed")));
      else finish(() => resolve(data));
    };
    if (signal?.aborted) abort();
    else {
      signal?.addEventListener("abort", abort);
      worker.postMessage(raw);
    }
  });
}
