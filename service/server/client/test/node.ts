// A line in, a line out, so that Python's tests can hold the browser's code against their own (tests/vectors/test_typescript.py).
// Each line is {"do": name, ...fields as text}; each answer is {"ok": ...} or {"refused": reason}.

import { createInterface } from "node:readline";
import { Api, Declined, Unreachable } from "../src/api.ts";
import { fromHex, toHex } from "../src/bytes.ts";
import { verifyChain } from "../src/chains.ts";
import { clean } from "../src/clean.ts";
import {
  addressOf, claimOf, confirmationPositions, confirms, fingerprintWords, fromWords, mailboxOf, Proof, prove, readCode, ReplyCode, toWords,
} from "../src/codes.ts"; // prettier-ignore
import { system } from "../src/entropy.ts";
import { envelopeLength, sealEnvelope } from "../src/envelopes.ts";
import { Refused } from "../src/errors.ts";
import { burnMailbox, choose, fileReport, readSlots, recipients, withoutThose } from "../src/filing.ts";
import { digest, keyed } from "../src/hashing.ts";
import * as hpke from "../src/hpke.ts";
import { Label } from "../src/labels.ts";
import { openLetter, readLetter } from "../src/letters.ts";
import { folded } from "../src/names.ts";
import { padTo, unpad } from "../src/padding.ts";
import { solving } from "../src/puzzle.ts";
import type { Attachment, FollowUp, Report } from "../src/reports.ts";
import { attach, encodeFollowUp, encodeReport } from "../src/reports.ts";
import { recipientsOf, verifiedHistory } from "../src/rosters.ts";
import { MailboxKey, PublicKey, seal, unseal } from "../src/seal.ts";
import { verify, VerifyKey } from "../src/signatures.ts";
import { tidy } from "../src/texts.ts";
import { LANGUAGES, type Language, loadWords, tokens } from "../src/words.ts";
import * as xwing from "../src/xwing.ts";

type Call = Record<string, string> & { do: string };
type Answer = string | number | boolean | null | readonly Answer[] | { readonly [key: string]: Answer };

const label = (call: Call): Label => call["label"] as Label;
const hex = (call: Call, name: string) => fromHex(call[name] ?? "");
const list = (call: Call, name: string) => (JSON.parse(call[name] ?? "[]") as string[]).map(fromHex);

const language = (call: Call): Language => call["language"] as Language;
const json = <T>(call: Call, name: string): T => JSON.parse(call[name]!) as T;
const code = (call: Call, name = "code"): ReplyCode => new ReplyCode(hex(call, name));
const keys = (call: Call): PublicKey[] => list(call, "to").map((raw) => new PublicKey(raw));
const files = (call: Call): Attachment[] =>
  json<{ name: string; mediaType: string; content: string; original: boolean }[]>(call, "files").map((file) => ({
    ...file,
    content: fromHex(file.content),
  }));
const attached = (call: Call): Promise<Attachment[]> => Promise.all(files(call).map((file) => attach(file)));
const to = (call: Call) => ({ groupId: hex(call, "group"), rosterDigest: hex(call, "roster"), keys: keys(call) });
const options = { entropy: system, pause: () => Promise.resolve() };

const calls: Record<string, (call: Call) => Answer | Promise<Answer>> = {
  labels: () => ({ ...Label }),
  languages: () => [...LANGUAGES],
  digest: (call) => toHex(digest(label(call), list(call, "parts"), Number(call["size"]))),
  keyed: (call) => toHex(keyed(hex(call, "key"), label(call), list(call, "parts"), Number(call["size"]))),
  public_key: (call) => toHex(new MailboxKey(hex(call, "seed")).publicKey().raw),
  key_id: (call) => toHex(new PublicKey(hex(call, "key")).id),
  hpke_seal: (call) => toHex(hpke.seal(hex(call, "to"), hex(call, "plaintext"), hex(call, "info"), system)),
  hpke_open: (call) => toHex(hpke.open(hex(call, "seed"), hex(call, "sealed"), hex(call, "info"))),
  encapsulate: (call) => {
    const { secret, encapsulated } = xwing.encapsulate(hex(call, "to"), hex(call, "entropy"));
    return [toHex(secret), toHex(encapsulated)];
  },
  decapsulate: (call) => toHex(xwing.decapsulate(hex(call, "encapsulated"), hex(call, "seed"))),
  seal: (call) => toHex(seal(new PublicKey(hex(call, "to")), hex(call, "plaintext"), label(call), hex(call, "context"), system)),
  unseal: (call) => toHex(unseal(new MailboxKey(hex(call, "seed")), hex(call, "sealed"), label(call), hex(call, "context"))),
  pad: (call) => toHex(padTo(hex(call, "content"), Number(call["size"]))),
  unpad: (call) => toHex(unpad(hex(call, "padded"))),
  envelope_length: (call) => envelopeLength(Number(call["n"]), Number(call["size_class"])),
  seal_envelope: async (call) => toHex(await sealEnvelope(hex(call, "plaintext"), to(call), options)),
  encode_report: (call) =>
    toHex(encodeReport(json<Report>(call, "report"), files(call), { address: hex(call, "address"), publicKey: hex(call, "key") })),
  encode_follow_up: (call) =>
    toHex(
      encodeFollowUp(json<FollowUp>(call, "follow_up"), new Proof(hex(call, "proof")), files(call), {
        address: hex(call, "address"),
        publicKey: hex(call, "key"),
      }),
    ),
  file_report: async (call) =>
    toHex(await fileReport(json<Report>(call, "report"), await attached(call), to(call), code(call), options)),
  burn_mailbox: async (call) =>
    toHex(
      await burnMailbox(
        code(call), code(call, "fresh"), Number(call["seen"]), json<FollowUp>(call, "follow_up"), files(call), to(call), options,
      ), // prettier-ignore
    ),
  clean: (call) => {
    const { content, mediaType, removed } = clean(hex(call, "content"));
    return { content: toHex(content), media_type: mediaType, removed: [...removed] };
  },
  tidy: (call) => tidy(call["text"]!),
  tokens: (call) => tokens(call["text"]!),
  words: async (call) => (await loadWords(language(call))).shown,
  folded: async (call) => (await loadWords(language(call))).folded,
  to_words: async (call) => toWords(code(call), await loadWords(language(call))),
  from_words: async (call) => {
    const lists = await Promise.all(LANGUAGES.map(loadWords));
    return toHex(fromWords(call["text"]!, lists, call["language"] as Language | undefined).reveal());
  },
  read_code: async (call) => toHex((await readCode(call["text"]!, call["language"] as Language | undefined)).reveal()),
  positions: (call) => confirmationPositions(code(call)),
  confirms: async (call) =>
    confirms(code(call), new Map(json<[number, string][]>(call, "typed")), await loadWords(language(call))),
  fingerprint: async (call) => fingerprintWords(hex(call, "digest"), await loadWords(language(call))),
  mailbox: (call) => {
    const claim = claimOf(code(call));
    const key = mailboxOf(code(call));
    return [toHex(prove(code(call)).reveal()), toHex(claim.reveal()), toHex(addressOf(claim)), toHex(key.reveal()), toHex(key.publicKey().raw)];
  },
  open_letter: (call) => toHex(openLetter(new MailboxKey(hex(call, "seed")), hex(call, "sealed"))),
  read_letter: (call) => ({ ...readLetter(hex(call, "raw"), hex(call, "address")) }),
  verify: (call) => {
    verify(new VerifyKey(hex(call, "key")), label(call), hex(call, "signature"), ...list(call, "parts"));
    return true;
  },
  verify_chain: (call) =>
    verifyChain(list(call, "statements"), new VerifyKey(hex(call, "root")), label(call)).map((statement) => toHex(statement.link)),
  rosters: (call) =>
    verifiedHistory(hex(call, "group"), list(call, "statements")).map((roster) => ({
      digest: toHex(roster.digest),
      name: roster.name,
      minimum: roster.minimum,
      alternate: roster.alternate,
      registry: roster.registry,
      recipients: recipientsOf(roster).map((handler) => [handler.name, toHex(handler.sealKeys.at(-1)!.id)]),
    })),
  fold_names: (call) => json<string[]>(call, "names").map(folded),
  // Who receives a report when the handlers of these names must not, and who in the alternate group, where it goes there.
  choose_people: (call) => {
    const roster = verifiedHistory(hex(call, "group"), list(call, "statements")).at(-1)!;
    const leftOut = new Set(json<string[]>(call, "leave_out"));
    const ids = recipientsOf(roster).filter((handler) => leftOut.has(handler.name)).map((handler) => handler.id);
    const choice = choose(roster, new Set(ids));
    if (choice.to === "group") return choice.handlers.map((handler) => handler.name);
    if (choice.to === "nobody") return [];
    const other = verifiedHistory(fromHex(choice.groupId), list(call, "others")).at(-1)!;
    return withoutThose(recipientsOf(other), choice.leftOut).map((handler) => handler.name);
  },
  solve: (call) => {
    const steps = solving(hex(call, "challenge"));
    let step = steps.next();
    while (!step.done) step = steps.next();
    return toHex(step.value);
  },
  // A reporter's whole way against a real server: load the roster, leave people out, file. Gives the receipt's digest.
  file_over_http: async (call) => {
    const api = new Api(call["base"]);
    const groupId = hex(call, "group");
    const { verifyKey } = await api.server();
    const roster = (await api.rosters(groupId)).at(-1)!;
    const leftOut = new Set(recipientsOf(roster).filter((h) => call["leave_out"] === h.name).map((h) => h.id));
    const choice = choose(roster, leftOut);
    if (choice.to !== "group") return choice.to;
    const sealed = await fileReport(json<Report>(call, "report"), files(call), recipients(roster, choice.handlers), code(call), options);
    return (await api.submit(groupId, sealed, verifyKey)).envelope;
  },
  mailbox_over_http: async (call) => {
    const api = new Api(call["base"]);
    const { letters, damaged } = readSlots(code(call), await api.openMailbox(claimOf(code(call)), 0));
    return { damaged, texts: letters.map((letter) => letter.text), recipients: letters[0]?.recipients ?? [] };
  },
  burn_over_http: async (call) => {
    const api = new Api(call["base"]);
    const groupId = hex(call, "group");
    const { verifyKey } = await api.server();
    const roster = (await api.rosters(groupId)).at(-1)!;
    const handlers = recipientsOf(roster);
    const body = await burnMailbox(
      code(call), code(call, "fresh"), Number(call["seen"]), json<FollowUp>(call, "follow_up"), [], recipients(roster, handlers), options,
    ); // prettier-ignore
    return (await api.burn(body, groupId, verifyKey))?.envelope ?? "unread";
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line) as Call;
  let answer: Answer;
  try {
    answer = { ok: await calls[call.do]!(call) };
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Declined || error instanceof Unreachable)) throw error;
    answer = { refused: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
