// Solves one puzzle in a thread of its own, so that typing is never held up. In: challenge. Out: number of parts, then token bytes.

import { solving } from "./puzzle.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<Uint8Array>) => void) | null;
  postMessage(message: number | Uint8Array | null): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: challenge }) => {
  try {
    const steps = solving(challenge);
    let step = steps.next();
    for (let told = -1; !step.done; step = steps.next()) {
      if (step.value !== told) scope.postMessage((told = step.value));
    }
    scope.postMessage(step.value);
  } catch {
    scope.postMessage(null); // not a puzzle that an honest server sends
  }
};
