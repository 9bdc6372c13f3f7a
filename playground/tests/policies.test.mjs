// Policies as a whole in the page, and advice about settings.
import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { paste, tab } from "./browser.mjs";
import { forTests, messages, policy, read, status } from "./support.mjs";

const { onPage } = forTests();
const WEB = "Deployment default/nginx-deployment";

onPage("a policy is not asked where its namespaceSelector says so", {}, async (page) => {
  const spec = ["namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [shop]}]}"];
  await paste(page, "#settings", policy({ spec }));
  // Without the Namespace nobody knows.
  assert.equal(await status(page), "1 object, 1 injected");
  assert.deepEqual((await messages(page)).at(-1),
    "note ClusterAdmissionPolicy datakit: its namespaceSelector requires `team=shop`, and the labels of namespace default " +
    "are not known; it counts as met (add the Namespace to the manifest)");

  const manifest = await read("examples/nginx.yaml");
  const namespace = (team) => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {team: ${team}}}\n`;
  await paste(page, "#manifest", `${manifest}${namespace("lab")}`);
  const reason = "the policy is not asked: its namespaceSelector requires `team=shop`, which the namespace's labels do not meet";
  assert.equal(await status(page), "2 objects, 0 injected, 1 not asked about");
  assert.deepEqual(await messages(page), [`note ${WEB}: ${reason}`]);
  assert.equal(await tab(page, "Explain"), `${WEB}: manifest:1\n${reason}\n`);
  assert.deepEqual(parseAllDocuments(await tab(page, "YAML"))[0].toJS(), parse(manifest));

  await paste(page, "#manifest", `${manifest}${namespace("shop")}`);
  assert.equal(await status(page), "2 objects, 1 injected");
});

onPage("a policy is not asked where its rules, its objectSelector or its namespace say so", {}, async (page) => {
  for (const [settings, reason] of [
    [policy({}).replace("deployments", "statefulsets"), "none of its rules covers CREATE of apps/v1 deployments"],
    [policy({ spec: ["objectSelector: {matchLabels: {app: web}}"] }),
      "its objectSelector requires `app=web`, which the object's labels do not meet"],
    [policy({ kind: "AdmissionPolicy", metadata: "{name: own, namespace: shop}" }),
      "an AdmissionPolicy applies only to its own namespace, shop"],
  ]) {
    await paste(page, "#settings", settings);
    assert.deepEqual(await messages(page), [`note ${WEB}: the policy is not asked: ${reason}`]);
  }
});

onPage("evaluates matchConditions, with a module that it loads for them", {}, async (page) => {
  const loaded = [];
  page.context().on("request", (request) => loaded.push(request.url().replace(/.*\/([\w.-]+wasm)-.*/, "$1")));
  const condition = (expression) => ["matchConditions:", `  - {name: replicas, expression: '${expression}'}`];
  await paste(page, "#settings", policy({}));
  assert.deepEqual(loaded, []);
  await paste(page, "#settings", policy({ spec: condition("object.spec.replicas > 5") }));
  assert.deepEqual(await messages(page), [
    `note ${WEB}: the policy is not asked: its matchCondition replicas is false: object.spec.replicas > 5`,
  ]);
  await paste(page, "#settings", policy({ spec: condition("object.metadata.name.matches(\"^nginx-.*$\")") }));
  assert.equal(await status(page), "1 object, 1 injected");
  await paste(page, "#settings", policy({ spec: condition("object.(") }));
  const [problem] = await messages(page);
  assert.match(problem, /^error Settings, line 9, column 24: spec\.matchConditions\[0\]\.expression: is not CEL: /);
  assert.deepEqual(loaded, ["core-conditions.wasm"]);
});

onPage("tells what mode: monitor and mutating: false make of an answer", {}, async (page) => {
  await paste(page, "#settings", policy({ spec: ["mode: monitor"] }));
  assert.equal(await status(page), "1 object, 0 injected");
  const title = "ClusterAdmissionPolicy datakit";
  assert.ok((await messages(page)).includes(
    `warning ${WEB}: ${title} has \`mode: monitor\`: the policy server logs what it would inject, and the object stays as it is`,
  ));
  await paste(page, "#settings", policy({ mutating: false }));
  assert.equal(await status(page), "1 object, 0 injected, 1 refused");
  assert.deepEqual(await messages(page), [
    `error ${WEB}: refused: ${title} has \`mutating: false\` and would change the object, so the policy server refuses it`,
  ]);
});

onPage("asks several policies in the API server's order", {}, async (page) => {
  const later = policy({ metadata: "{name: b}" }).replace("repo/java", "later/java");
  await paste(page, "#settings", `${later}---\n${policy({ metadata: "{name: a}" })}`);
  assert.equal(await status(page), "1 object, 1 injected");
  assert.ok((await messages(page)).includes(
    `warning ${WEB}: ClusterAdmissionPolicy a and ClusterAdmissionPolicy b are both asked about it; make sure that only one selects it`,
  ));
  // The one that comes later injects anew, into the object as the earlier one left it.
  const [{ image }] = parse(await tab(page, "YAML")).spec.template.spec.initContainers;
  assert.equal(image, "later/java:1");

  await paste(page, "#settings", `${later}---\n${policy({}).replace("mutating: true", "mutating: yes!")}`);
  assert.deepEqual(await messages(page), ["error Settings, line 15, column 3: spec.mutating: must be true or false"]);
});

onPage("the policy sees the Namespaces among the objects, where it may", {}, async (page) => {
  const settings = "{admission_inject: {profiler: {images: {java_profiler_image: 'profiler:1'}}}, policy: {pod_security: namespace}}";
  const manifest = (await read("examples/nginx.yaml")).replace("java-lib", "java-profiler");
  const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {pod-security.kubernetes.io/enforce: baseline}}\n";
  await paste(page, "#settings", settings);
  await paste(page, "#manifest", manifest);
  assert.equal(await status(page), "1 object, 1 injected");
  await paste(page, "#manifest", `${namespace}---\n${manifest}`);
  assert.equal(await status(page), "2 objects, 0 injected");
});

onPage("gives the advice of `check` at its place", {}, async (page) => {
  const lines = [
    "admission_inject:", "  ddtrace:", "    images:", "      java_agent_image: repo/java",
    "admission_inject_v2:", "  logfwds:", "    - image: repo/logfwd:1", "      namespace_selectors: [Prod, def]",
  ];
  await paste(page, "#settings", lines.join("\n"));
  const advice = [
    ["4, column 7", "admission_inject.ddtrace.images.java_agent_image: has no tag, which means `latest`: pods of one workload may " +
      "get different images", "java_agent_image: repo/java"],
    ["8, column 29", "admission_inject_v2.logfwds[0].namespace_selectors[0]: `Prod` matches no namespace: names are lower-case " +
      "letters, digits and `-`", "Prod, def]"],
  ];
  const shown = async () => (await messages(page)).filter((message) => message.startsWith("warning Settings"));
  const told = advice.map(([place, message]) => `warning Settings, line ${place}: ${message}`);
  assert.deepEqual(await shown(), told);
  assert.deepEqual(await page.locator("#settings .cm-lintRange-warning").allInnerTexts(), advice.map(([, , marked]) => marked));
  assert.equal(await page.locator("#settings .cm-lint-marker-warning").count(), 2);
  // Settings that are taken are asked about all the same.
  assert.equal(await status(page), "1 object, 1 injected");
  await page.getByRole("button", { name: `Settings, line ${advice[1][0]}` }).click();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Settings");

  // What matches several namespaces can be told where they are known.
  const namespaces = ["def", "default"].map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`);
  await paste(page, "#manifest", namespaces.join("---\n"));
  assert.deepEqual(await shown(), [...told,
    "warning Settings, line 8, column 35: admission_inject_v2.logfwds[0].namespace_selectors[1]: `def` matches anywhere in a " +
      "name, so it matches 2 of these namespaces: def, default; `^` and `$` mark its ends",
  ]);
});
