import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused } from "../src/errors.ts";

test("a refusal carries its fixed reason", () => {
  assert.equal(new Refused("envelope: too short").reason, "envelope: too short");
});
