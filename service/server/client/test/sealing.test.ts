// HPKE and X-Wing against published vectors, without Web Crypto; sealing in pieces.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex, utf8 } from "../src/bytes.ts";
import { system } from "../src/entropy.ts";
import { CHUNK_SIZE, envelopeLength, sealEnvelope } from "../src/envelopes.ts";
import * as hpke from "../src/hpke.ts";
import { MAX_PLAINTEXT } from "../src/padding.ts";
import { MailboxKey } from "../src/seal.ts";
import { decapsulate, encapsulate, expand } from "../src/xwing.ts";

// Nothing here may need what plain-HTTP onion addresses don't have.
Object.defineProperty(globalThis.crypto, "subtle", { get: () => assert.fail("crypto.subtle was used") });

test("X-Wing gives the shared secret of draft-connolly-cfrg-xwing-kem, appendix C, first vector", () => {
  const seed = fromHex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
  const entropy = fromHex(
    "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2" +
      "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
  );
  const { secret, encapsulated } = encapsulate(expand(seed).publicKey, entropy);
  assert.equal(toHex(secret), "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");
  assert.equal(toHex(decapsulate(encapsulated, seed)), toHex(secret));
});

test("the key schedule gives key and nonce of RFC 9180, appendix A.2.1", () => {
  const { key, nonce } = hpke.schedule(
    hpke.suiteId(0x0020),
    fromHex("0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7"),
    fromHex("4f6465206f6e2061204772656369616e2055726e"),
  );
  assert.equal(toHex(key), "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91");
  assert.equal(toHex(nonce), "5c4d98150661b848853b547f");
});

test("a large report is sealed in pieces, with progress, and never holds the page for long", async () => {
  const key = new MailboxKey(system(32)).publicKey();
  const shares: number[] = [];
  let pauses = 0;
  let longest = 0;
  let since = performance.now();
  const sealed = await sealEnvelope(
    new Uint8Array(MAX_PLAINTEXT),
    { groupId: new Uint8Array(16), rosterDigest: new Uint8Array(32), keys: [key] },
    {
      entropy: system,
      progress: (share) => shares.push(share),
      pause: () => {
        pauses++;
        longest = Math.max(longest, performance.now() - since);
        return Promise.resolve().then(() => void (since = performance.now()));
      },
    },
  );
  assert.equal(sealed.length, envelopeLength(1, 5));
  const work = 1 + (8 * 1024 * 1024) / CHUNK_SIZE;
  assert.equal(shares.length, work);
  assert.equal(pauses, work - 1);
  assert.equal(shares.at(-1), 1);
  assert.deepEqual([...shares].sort((a, b) => a - b), shares);
  assert.ok(longest < 500, `the page stood still for ${String(longest)} ms`);
});

test("two seals of one report share nothing but the header", async () => {
  const key = new MailboxKey(system(32)).publicKey();
  const to = { groupId: new Uint8Array(16), rosterDigest: new Uint8Array(32), keys: [key] };
  const [a, b] = await Promise.all([1, 2].map(() => sealEnvelope(utf8("same"), to, { entropy: system })));
  const header = 51 + 16;
  assert.equal(toHex(a!.slice(0, header)), toHex(b!.slice(0, header)));
  const alike = a!.slice(header).filter((byte, i) => byte === b![header + i]).length;
  assert.ok(alike < (a!.length / 256) * 2, `${String(alike)} bytes are alike`);
});
