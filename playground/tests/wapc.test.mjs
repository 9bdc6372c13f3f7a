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

/** A host that is asked for nothing. */
const silent = (name) => assert.fail(`the host is asked for ${name.join("/")}`);

test("gives the guest's answer", () => {
  assert.deepEqual(call(policy, "protocol_version", new Uint8Array(), silent), { Ok: '"v1"' });
});

test("gives the guest's error", () => {
  assert.deepEqual(call(policy, "no_such_operation", new Uint8Array(), silent), {
    Err: 'No handler registered for function no_such_operation',
  });
});

test("hands on what the guest logs", () => {
  const told = [];
  const answer = call(policy, "validate_settings", bytes({ admission_injekt: {} }), (name, payload) => {
    const { level, event, path, message } = JSON.parse(payload);
    told.push({ name: name.join("/"), level, event, path, message });
    return { Ok: "" };
  });
  assert.deepEqual(JSON.parse(answer.Ok).valid, false);
  assert.deepEqual(told, [
    {
      name: "kubewarden/tracing/log",
      level: "error",
      event: "problem",
      path: "admission_injekt",
      message: "unknown key; did you mean `admission_inject`?",
    },
  ]);
});

for (const [what, answer, level] of [
  ["an answer", { Ok: JSON.stringify({ metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } } }) }, "baseline"],
  ["an error", { Err: "not today" }, undefined],
]) {
  test(`hands ${what} of the host to the guest`, () => {
    const template = { metadata: { annotations: { "admission.datakit/java-profiler.version": "" } }, spec: { containers: [{ name: "app" }] } };
    const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" }, spec: { template } };
    const request = { uid: "1", operation: "CREATE", namespace: "shop", kind: { group: "apps", version: "v1", kind: "Deployment" }, object };
    const settings = {
      admission_inject: { profiler: { images: { java_profiler_image: "profiler:1" } } },
      policy: { pod_security: "namespace" },
    };
    const asked = [];
    const result = call(policy, "validate", bytes({ request, settings }), (name, payload) => {
      if (name.join("/") === "kubewarden/tracing/log") return { Ok: "" };
      asked.push([name.join("/"), JSON.parse(payload).name]);
      return answer;
    });
    assert.deepEqual(asked, [["kubewarden/kubernetes/get_resource", "shop"]]);
    // Where the level is known, the profiler cannot be under it.
    const { mutated_object: mutated } = JSON.parse(result.Ok);
    assert.equal(mutated?.spec.template.spec.containers.length, level === undefined ? 2 : undefined);
  });
}

test("gives a trap as an error", () => {
  const unreachable = [0x00];
  assert.deepEqual(call(guest(...unreachable), "validate", new Uint8Array(), silent), { Err: "RuntimeError: unreachable" });
});

test("takes anything but 1 for a failure", () => {
  const zero = [0x41, 0];
  assert.deepEqual(call(guest(...zero), "validate", new Uint8Array(), silent), { Err: "" });
});
