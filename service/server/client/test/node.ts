// A line in, a line out, so that Python's tests can hold the browser's code against their own (tests/vectors/test_typescript.py).
// Each line is {"do": name, ...hex fields}; each answer is {"ok": ...} or {"refused": reason}.

import { createInterface } from "node:readline";
import { fromHex, toHex } from "../src/bytes.ts";
import { system } from "../src/entropy.ts";
import { Refused } from "../src/errors.ts";
import { digest, keyed } from "../src/hashing.ts";
import * as hpke from "../src/hpke.ts";
import { Label } from "../src/labels.ts";
import { solving } from "../src/puzzle.ts";
import * as xwing from "../src/xwing.ts";

type Call = Record<string, string> & { do: string };
type Answer = string | number | boolean | null | Answer[] | { [key: string]: Answer };

const label = (call: Call): Label => call["label"] as Label;
const hex = (call: Call, name: string) => fromHex(call[name] ?? "");
const list = (call: Call, name: string) => (call[name] ? call[name].split(",").map(fromHex) : []);

const calls: Record<string, (call: Call) => Answer | Promise<Answer>> = {
  labels: () => ({ ...Label }),
  digest: (call) => toHex(digest(label(call), list(call, "parts"), Number(call["size"]))),
  keyed: (call) => toHex(keyed(hex(call, "key"), label(call), list(call, "parts"), Number(call["size"]))),
  public_key: (call) => toHex(xwing.expand(hex(call, "seed")).publicKey),
  hpke_seal: (call) => toHex(hpke.seal(hex(call, "to"), hex(call, "plaintext"), hex(call, "info"), system)),
  hpke_open: (call) => toHex(hpke.open(hex(call, "seed"), hex(call, "sealed"), hex(call, "info"))),
  solve: (call) => {
    const steps = solving(hex(call, "challenge"));
    let step = steps.next();
    while (!step.done) step = steps.next();
    return toHex(step.value);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line) as Call;
  let answer: Answer;
  try {
    answer = { ok: await calls[call.do]!(call) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    answer = { refused: error.reason };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
