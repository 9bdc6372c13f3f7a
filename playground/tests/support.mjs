// What the tests of the page share.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { root, start } from "./browser.mjs";

export const read = (path) => readFile(root(path), "utf8");

/** A browser for the tests of a file, and tests with a page of their own, on which nothing may go wrong. */
export function forTests() {
  let browser;
  before(async () => {
    browser = await start();
  });
  after(() => browser.stop());
  const onPage = (name, options, run) =>
    test(name, async () => {
      const { page, errors } = await browser.open(options);
      await run(page);
      assert.deepEqual(errors, []);
      await page.context().close();
    });
  return { browser: () => browser, onPage };
}

export const messages = (page) => page.locator("#messages li").allInnerTexts();
export const status = async (page) => (await page.locator("#status").innerText()).replace(/; [\d.]+ ms$/, "");

export const RULES = '[{apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"], operations: ["CREATE", "UPDATE"]}]';

/** A policy that injects the Java agent, with more lines of its spec. */
export function policy({ kind = "ClusterAdmissionPolicy", metadata = "{name: datakit}", mutating = true, spec = [] }) {
  return [
    "apiVersion: policies.kubewarden.io/v1", `kind: ${kind}`, `metadata: ${metadata}`, "spec:",
    "  module: registry://example.com/policy:v1", `  mutating: ${mutating}`, `  rules: ${RULES}`, ...spec.map((line) => `  ${line}`),
    "  settings: {admission_inject: {ddtrace: {images: {java_agent_image: 'repo/java:1'}}}}", "",
  ].join("\n");
}
