import assert from "node:assert/strict";
import { test } from "node:test";

import { handle } from "./handler.mjs";

test("a name is greeted", () => {
  assert.deepEqual(handle({ input: { name: "Ada" } }), { message: "Hello, Ada!" });
});

test("nobody is not greeted", () => {
  assert.throws(() => handle({ input: null }), /name/);
});
