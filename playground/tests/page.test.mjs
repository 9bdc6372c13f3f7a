// The built page in a real browser.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import xz from "xz-decompress";
import { parse, parseAllDocuments } from "yaml";
import { answered, choose, paste, root, tab, textOf } from "./browser.mjs";
import { forTests, messages, policy, read, RULES, status } from "./support.mjs";

const { XzReadableStream } = xz;
const JOURNAL = "admission.datakit/injected";

const { browser, onPage } = forTests();

/** What `check` advises about the settings of a new page. */
const ADVICE =
  "warning Settings, line 49, column 17: admission_mutate.loggings[0].config: names only files, which switches off the collection " +
  'of stdout for these pods; an entry {"type":"stdout"} keeps it';

/** The object, with its journal as a diff shows it. */
function withShortJournal(object) {
  const template = object.kind === "Pod" ? object : (object.spec.jobTemplate ?? object).spec.template;
  const annotations = template.metadata?.annotations;
  if (annotations?.[JOURNAL]) annotations[JOURNAL] = '{"v":1,…}';
  return object;
}

async function assertShows(page, before, golden) {
  assert.deepEqual(parse(await tab(page, "YAML")), parse(golden));
  await tab(page, "Diff");
  assert.deepEqual(parse(await textOf(page, ".cm-merge-a")), parse(before));
  assert.deepEqual(parse(await textOf(page, ".cm-merge-b")), withShortJournal(parse(golden)));
  assert.notEqual(await page.locator(".cm-merge-b .cm-changedLine").count(), 0);
}

for (const name of ["nginx", "logging-deployment", "movies-java", "movies-python", "logging-pod"]) {
  onPage(`shows what becomes of the example ${name}`, {}, async (page) => {
    const example = await read(`examples/${name}.yaml`);
    await choose(page, "manifest", `${name}.yaml`, example);
    await assertShows(page, example, await read(`tests/golden/${name}.yaml`));
  });
}

const CASES = [
  "newest-fields", "newest-pod", "invented-fields", "cases/program-beside-its-log", "cases/logs-on-volumes",
  "cases/process-one", "cases/pod-that-ends", "cases/fargate", "cases/second-agent", "cases/own-tmp", "cases/on-the-node",
];
for (const name of CASES) {
  onPage(`shows what becomes of the case ${name}`, {}, async (page) => {
    const settings = JSON.parse(await read("policy-settings/default.json"));
    settings.admission_inject.ddtrace.images.python_agent_image = "example.com/python:1";
    await paste(page, "#settings", JSON.stringify(settings, null, 2));
    const before = await read(`tests/golden/${name}.before.yaml`);
    await choose(page, "manifest", `${name.replace("cases/", "")}.yaml`, before);
    await assertShows(page, before, await read(`tests/golden/${name}.yaml`));
  });
}

onPage("every file of the menus is taken without a problem", {}, async (page) => {
  for (const menu of ["manifest", "settings"]) {
    const names = await page.locator(`#${menu}-examples option`).allInnerTexts();
    assert.ok(names.length >= 8, `${menu}: ${names}`);
    for (const name of names) {
      await choose(page, menu, name);
      assert.equal(await page.locator("#messages .error").count(), 0, name);
    }
  }
});

onPage("an example that was edited can be chosen again", {}, async (page) => {
  const menu = page.locator("#manifest-examples");
  assert.equal(await menu.inputValue(), "nginx.yaml");
  await page.locator("#manifest .cm-content").click();
  await page.keyboard.type("#");
  assert.equal(await menu.inputValue(), "");
  await choose(page, "manifest", "nginx.yaml");
  assert.equal(await textOf(page, "#manifest"), await read("examples/nginx.yaml"));
  assert.equal(await menu.inputValue(), "nginx.yaml");
});

onPage("a file that is dropped on an editor takes the place of its text", {}, async (page) => {
  const text = await read("examples/logging-pod.yaml");
  const dataTransfer = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "pod.yaml"));
    return transfer;
  }, text);
  await page.locator("#manifest .cm-content").dispatchEvent("drop", { dataTransfer });
  await page.waitForFunction(() => document.querySelector("#manifest .cm-content").textContent.includes("logging-test"));
  assert.equal(await textOf(page, "#manifest"), text);
});

onPage("tells warnings, the patch and why", {}, async (page) => {
  assert.equal(await status(page), "1 object, 1 injected");
  assert.deepEqual(await messages(page), [
    "warning Deployment default/nginx-deployment: datakit ddtrace: variables refer to labels or annotations that do not exist, and are empty: DD_SERVICE",
    ADVICE,
  ]);
  const patch = await tab(page, "JSON patch");
  const title = "# Deployment default/nginx-deployment\n";
  assert.ok(patch.startsWith(title));
  const operations = JSON.parse(patch.slice(title.length)).map(({ op, path }) => `${op} ${path}`);
  assert.deepEqual(operations, [
    "add /spec/template/metadata/annotations/admission.datakit~1injected",
    "add /spec/template/spec/containers/0/env",
    "add /spec/template/spec/containers/0/volumeMounts",
    "add /spec/template/spec/initContainers",
    "add /spec/template/spec/volumes",
  ]);
  const lines = (await tab(page, "Explain")).split("\n");
  assert.deepEqual(lines.slice(0, 3), [
    "Deployment default/nginx-deployment: manifest:1",
    "ddtrace: injected pubrepo.guance.com/datakit-operator/dd-lib-java-init:v1.30.1-guance",
    "  admission_inject.ddtrace decides: annotation admission.datakit/java-lib.version",
  ]);
});

onPage("shows a typing mistake in the manifest at its place", {}, async (page) => {
  await page.locator("#manifest .cm-content").click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.type(": more");
  await page.locator("#messages .error").waitFor();
  await answered(page);
  assert.equal((await textOf(page, "#manifest")).split("\n")[1], "kind: Deployment: more");
  assert.deepEqual(await messages(page), [
    "error Manifest, line 2, column 17: mapping values are not allowed in this context",
    ADVICE,
  ]);
  assert.equal(await page.locator("#manifest .cm-lint-marker-error").count(), 1);
  assert.deepEqual(await page.locator("#manifest .cm-lintRange-error").allInnerTexts(), [": more"]);
  // The result before stays, and looks like that.
  assert.equal(await status(page), "1 problem; below is the result before");
  assert.equal(await page.locator("#output.stale").count(), 1);
});

onPage("shows a problem of the settings at its place, in whatever file they are", {}, async (page) => {
  const policy = [
    "apiVersion: policies.kubewarden.io/v1", "kind: ClusterAdmissionPolicy", "metadata: {name: datakit}", "spec:",
    "  module: registry://example.com/policy:v1", "  mutating: true", `  rules: ${RULES}`,
    "  settings:", "    log_level: info", "    admission_injekt: {}",
  ];
  const configMap = [
    "apiVersion: v1", "kind: ConfigMap", "metadata: {name: datakit-operator-config, namespace: datakit}", "data:",
    "  datakit-operator.yaml: unused", "  jsonconfig: |-", "    {", '      "admission_injekt": {}', "    }",
  ];
  for (const [file, line, column] of [[policy, 10, 5], [configMap, 8, 7], ["{", '  "admission_injekt": {}', "}"]].map((entry) =>
    Array.isArray(entry[0]) ? entry : [entry, 2, 3])) {
    await paste(page, "#settings", file.join("\n"));
    const place = `Settings, line ${line}, column ${column}`;
    assert.deepEqual(await messages(page), [
      `error ${place}: admission_injekt: unknown key; did you mean \`admission_inject\`?`,
    ]);
    const marked = await page.locator("#settings .cm-lintRange-error").allInnerTexts();
    assert.equal(marked.join(""), file[line - 1].slice(column - 1));
    await page.getByRole("button", { name: place }).click();
    const cursor = await page.locator("#settings .cm-content").evaluate((content) => {
      const { state } = content.cmTile.root.view;
      return state.doc.lineAt(state.selection.main.head).number;
    });
    assert.equal(cursor, line);
  }
});

onPage("says what settings were found in", {}, async (page) => {
  await choose(page, "settings", "default.json");
  assert.equal(await page.locator("#form").innerText(), "Read as settings.");
  await paste(page, "#settings", policy({}));
  assert.equal(await page.locator("#form").innerText(), "Read as ClusterAdmissionPolicy datakit.");
  assert.equal(await status(page), "1 object, 1 injected");
  const two = `${policy({})}---\n${policy({ kind: "AdmissionPolicy", metadata: "{name: own, namespace: shop}" })}`;
  await paste(page, "#settings", two);
  assert.equal(await page.locator("#form").innerText(), "Read as ClusterAdmissionPolicy datakit and AdmissionPolicy shop/own.");
});

onPage("applies a manifest over an old one", {}, async (page) => {
  await page.getByLabel("Apply it over an old one").check();
  await answered(page);
  // Applied again, an injected template stays as it is.
  assert.deepEqual(parse(await textOf(page, "#old")), parse(await read("tests/golden/nginx.yaml")));
  assert.equal(await status(page), "1 object, 0 injected, 1 kept as it was");
  await tab(page, "Diff");
  assert.equal(await textOf(page, ".cm-merge-a"), await textOf(page, ".cm-merge-b"));
  assert.equal((await tab(page, "Explain")).split("\n")[1], "kept as it was");

  // Without its annotation nothing is injected any more, and what there was goes.
  const injected = await textOf(page, "#old");
  await paste(page, "#manifest", injected.replace(/.*admission.datakit\/java.*\n/, ""));
  assert.equal(await status(page), "1 object, 0 injected, 1 uninjected");
  await tab(page, "Diff");
  assert.notEqual(await page.locator(".cm-merge-a .cm-changedLine").count(), 0);
  await page.getByRole("button", { name: "Take the result" }).click();
  await answered(page);
  assert.equal(await textOf(page, "#old"), await tab(page, "YAML"));
  await paste(page, "#old", injected);

  // Another object is a new one.
  await paste(page, "#manifest", injected.replace("name: nginx-deployment", "name: another"));
  assert.ok((await messages(page)).includes(
    "note Deployment default/another: looked at as new, because the old manifest does not have it",
  ));
});

test("a link restores everything, and tells no server", async () => {
  const permissions = ["clipboard-read", "clipboard-write"];
  const first = await browser().open({ permissions });
  const { page } = first;
  const manifest = `# ünïcode ✓\n${await read("examples/movies-java.yaml")}---\n${await read("examples/logging-pod.yaml")}`;
  await paste(page, "#manifest", manifest);
  await paste(page, "#settings", await read("policy-settings/jsonconfig.yaml"));
  await page.getByLabel("Namespace").fill("shop");
  await page.getByLabel("Apply it over an old one").check();
  await paste(page, "#old", await read("examples/movies-java.yaml"));
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${browser().address}#`));
  const shown = await tab(page, "YAML");

  const second = await browser().open({ fragment: new URL(link).hash });
  const restored = second.page;
  assert.equal(await textOf(restored, "#manifest"), manifest);
  assert.equal(await textOf(restored, "#settings"), await read("policy-settings/jsonconfig.yaml"));
  assert.equal(await textOf(restored, "#old"), await read("examples/movies-java.yaml"));
  assert.equal(await restored.getByLabel("Namespace").inputValue(), "shop");
  assert.equal(await tab(restored, "YAML"), shown);
  assert.equal(await status(restored), await status(page));
  assert.deepEqual([...first.errors, ...second.errors], []);
  await restored.context().close();
  await page.context().close();
});

onPage("says that a broken link is broken, and shows an example", { fragment: "#bm90IG91cnM" }, async (page) => {
  assert.equal(await textOf(page, "#manifest"), await read("examples/nginx.yaml"));
  assert.equal(await page.getByRole("alert").innerText(), "The link is not complete; this is an example.");
});

onPage("copies what a tab shows", { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
  for (const name of ["YAML", "JSON patch", "Explain"]) {
    const text = await tab(page, name);
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
    await page.getByRole("button", { name: "Copy", exact: true }).waitFor();
  }
});

/** Counts how many questions are on their way at once. */
function countQuestions() {
  globalThis.questions = { now: 0, most: 0, asked: 0 };
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => data !== "ready" && questions.now--);
    }
    postMessage(message) {
      questions.asked++;
      questions.most = Math.max(questions.most, ++questions.now);
      super.postMessage(message);
    }
  };
}

onPage("stays responsive with a manifest of 5,000 lines", { init: countQuestions }, async (page) => {
  const example = (await read("examples/nginx.yaml")).trimEnd();
  const copies = Math.ceil(5000 / example.split("\n").length);
  const documents = Array.from({ length: copies }, (_, place) =>
    example.replace("name: nginx-deployment", `name: nginx-${place}`));
  const manifest = `${documents.join("\n---\n")}\n`;
  assert.ok(manifest.split("\n").length > 5000);
  const place = await page.locator("#manifest .cm-content").evaluate((content, manifest) => {
    const { view } = content.cmTile.root;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: manifest } });
    view.focus();
    return view.state.selection.main.head;
  }, manifest);
  assert.equal(place, 0);
  // The policy is at work: what is typed meanwhile is there before its answer is.
  await page.keyboard.type("# typed");
  assert.equal((await textOf(page, "#manifest")).split("\n")[0].startsWith("# typed"), true);
  await page.keyboard.press("Enter");
  await answered(page);
  assert.equal(await status(page), `${copies} objects, ${copies} injected`);
  const results = parseAllDocuments(await tab(page, "YAML")).map((document) => document.toJS());
  assert.deepEqual(
    results.map(({ metadata, spec }) => [metadata.name, spec.template.spec.initContainers.length]),
    documents.map((_, place) => [`nginx-${place}`, 1]),
  );
  // Each key press asks anew, but no question waits behind another one.
  const { most, now } = await page.evaluate(() => questions);
  assert.deepEqual({ most, now }, { most: 1, now: 0 });
  // Only what can be seen is in the page.
  await tab(page, "Diff");
  const lines = await page.locator(".cm-line").count();
  assert.ok(lines < 1500, `${lines} lines are in the page`);
});

test("asks for nothing but its own files, which are small", async () => {
  const asked = new Map();
  const { page, errors } = await browser().open();
  page.context().on("response", (response) => asked.set(response.url(), response.body()));
  await page.reload();
  await answered(page);
  assert.deepEqual(errors, []);
  const files = await Promise.all(Array.from(asked, async ([url, body]) => [url, await body]));
  assert.deepEqual(files.map(([url]) => url).filter((url) => !url.startsWith(browser().address)), []);
  const kinds = files.map(([url]) => url.replace(/.*\.(\w+)$/, "$1"));
  assert.equal(kinds.filter((kind) => kind === "xz").length, 1);
  const size = (compress) => files.reduce((sum, [, body]) => sum + compress(body).length, 0);
  const [brotli, gzip] = [size(brotliCompressSync), size(gzipSync)];
  const limit = 600_000;
  console.log(`the page with the policy: ${gzip} bytes in gzip, ${limit} at the most; ${brotli} in Brotli`);
  // As GitHub Pages serves it.
  assert.ok(gzip < limit, `${gzip} bytes`);
  await page.context().close();
});

test("carries the very policy that clusters run", async () => {
  const [packed] = await readdir(root("playground/dist/assets")).then((names) => names.filter((name) => /^core\.wasm-.*\.xz$/.test(name)));
  const stream = new XzReadableStream(new Blob([await readFile(root(`playground/dist/assets/${packed}`))]).stream());
  const core = await WebAssembly.compile(await new Response(stream).arrayBuffer());
  const [carried] = WebAssembly.Module.customSections(core, "policy");
  assert.ok(Buffer.from(carried).equals(await readFile(root("policy.wasm"))));
});

test("says why it does not start where it is opened as a file", async () => {
  const page = await browser().blank();
  await page.goto(pathToFileURL(root("playground/dist/index.html")).href);
  await page.getByText("The page has to come from a web server").waitFor();
  await page.context().close();
});

test("says that a module is not there", async () => {
  const page = await browser().blank();
  await page.route("**/core-conditions*", (route) => route.fulfill({ status: 404 }));
  await page.goto(browser().address);
  await answered(page);
  await paste(page, "#settings", policy({ spec: ["matchConditions: [{name: a, expression: 'true'}]"] }));
  assert.match(await page.locator("#status").innerText(), /^The policy cannot be asked: Error: .*core-conditions.*: 404/);
  // Once it is there, it is fetched.
  await page.unroute("**/core-conditions*");
  await paste(page, "#settings", policy({ spec: ["matchConditions: [{name: b, expression: 'true'}]"] }));
  assert.equal(await status(page), "1 object, 1 injected");
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1400, 390]) {
    const options = { colorScheme, viewport: { width, height: 900 } };
    onPage(`axe finds nothing, ${colorScheme}, ${width} pixels wide`, options, async (page) => {
      const axe = await readFile(root("playground/node_modules/axe-core/axe.min.js"), "utf8");
      await page.evaluate(axe);
      const found = async () => {
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        assert.ok(passes.length > 20);
        return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
      };
      for (const name of ["Diff", "YAML", "JSON patch", "Explain"]) {
        await tab(page, name);
        assert.deepEqual(await found(), [], name);
      }
      await page.getByLabel("Apply it over an old one").check();
      await paste(page, "#settings", "admission_inject: {ddtrace: {images: {java_agent_image: repo/java}}}");
      await page.locator("#messages .warning button").waitFor();
      assert.deepEqual(await found(), [], "with advice");
      await paste(page, "#settings", "admission_injekt: {}");
      await page.locator("#messages .error").waitFor();
      assert.deepEqual(await found(), [], "with a problem");
      // Nothing sticks out.
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    });
  }
}

onPage("is used by keyboard alone", {}, async (page) => {
  await page.getByRole("tab", { name: "Diff" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("tab", { selected: true }).innerText(), "YAML");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("tab", { selected: true }).innerText(), "Explain");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-explain");
  // The whole page, and no editor keeps the focus.
  await page.getByRole("button", { name: "Copy link" }).focus();
  const reached = [];
  for (let step = 0; step < 20; step++) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => {
      const { activeElement } = document;
      return activeElement.id || activeElement.getAttribute("aria-label") || activeElement.tagName;
    });
    if (name === "BODY") break;
    reached.push(name);
  }
  assert.deepEqual(reached, [
    "manifest-examples", "namespace", "apply", "Manifest", "settings-examples", "Settings", "BUTTON", "tab-explain", "copy", "Explain",
  ]);
});
