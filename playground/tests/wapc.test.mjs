// The waPC host, with the policy itself as the guest.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { runnerImport } from "vite";
import { root } from "./browser.mjs";

let call, policy;

before(async () => {
  ({ call } = (await runnerImport(root("playground/src/wapc.ts"))).module);
  policy = await WebAssembly.compile(await readFile(root("policy.wasm")));
});

const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));

/** A module with the memory and the functions that a host asks for, in which `__guest_call` has this body. */
function guest(...body) {
  const section = (id, ...content) => [id, content.length, ...content];
  const name = (text) => [text.length, ...text].map((part) => (typeof part === "string" ? part.charCodeAt(0) : part));
  return new WebAssembly.Module(new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f),
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1),
    ...section(7, 2, ...name("memory"), 2, 0, ...name("__guest_call"), 0, 0),
    ...section(10, 1, body.length + 2, 0, ...body, 0x0b),
  ]));
}

test("gives the guest's answer", () => {
  assert.deepEqual(call(policy, "protocol_version", new Uint8Array()), { answer: { Ok: '"v1"' }, logs: [] });
});

test("gives the guest's error", () => {
  assert.deepEqual(call(policy, "no_such_operation", new Uint8Array()), {
    answer: { Err: 'No handler registered for function no_such_operation' },
    logs: [],
  });
});

test("keeps what the guest logs", () => {
  const { answer, logs } = call(policy, "validate_settings", bytes({ admission_injekt: {} }));
  assert.deepEqual(JSON.parse(answer.Ok).valid, false);
  const told = logs.map(({ level, event, path, message }) => ({ level, event, path, message }));
  assert.deepEqual(told, [
    {
      level: "error",
      event: "problem",
      path: "admission_injekt",
      message: "unknown key; did you mean `admission_inject`?",
    },
  ]);
});

test("gives a trap as an error", () => {
  const unreachable = [0x00];
  assert.deepEqual(call(guest(...unreachable), "validate", new Uint8Array()), {
    answer: { Err: "RuntimeError: unreachable" },
    logs: [],
  });
});

test("takes anything but 1 for a failure", () => {
  const zero = [0x41, 0];
  assert.deepEqual(call(guest(...zero), "validate", new Uint8Array()), { answer: { Err: "" }, logs: [] });
});
