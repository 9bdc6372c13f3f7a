// The page: what is in the fields goes to the worker, what it answers is shown.
import type { EditorView } from "@codemirror/view";
import { Asking } from "./asking";
import type { Field, Input, Output, Problem } from "./core";
import { isNarrow } from "./diff";
import { editor, goTo, mark, setText } from "./editor";
import { FIRST, MANIFESTS, type Menu, SETTINGS } from "./examples";
import { showMessages, summary } from "./messages";
import { fromFragment, toFragment } from "./permalink";
import { Tabs } from "./tabs";
import type { Reply } from "./worker";

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.querySelector<T>(`#${id}`)!;
}

element("no-start").remove();

const output = element("output");
const status = element("status");
const apply = element<HTMLInputElement>("apply");
const namespace = element<HTMLInputElement>("namespace");

const asking = new Asking(show);
const views: Record<Field, EditorView> = {
  manifest: editor(element("manifest"), "Manifest", () => edited("manifest")),
  old: editor(element("old"), "Old manifest", changed),
  settings: editor(element("settings"), "Settings", () => edited("settings")),
};
const menus = {
  manifest: menu("manifest", MANIFESTS),
  settings: menu("settings", SETTINGS),
};
const tabs = new Tabs();
/** What was answered last. */
let last: Output | undefined;
let isLoading = false;

function textOf(field: Field): string {
  return views[field].state.doc.toString();
}

function input(): Input {
  return {
    manifest: textOf("manifest"),
    settings: textOf("settings"),
    old: apply.checked ? textOf("old") : null,
    namespace: namespace.value.trim() || "default",
  };
}

/** What is edited is the example no more, which can be chosen again. */
function edited(field: keyof typeof menus): void {
  if (!isLoading) menus[field].selectedIndex = -1;
  changed();
}

/** Fills the fields, and asks once. */
function load(filled: Input): void {
  isLoading = true;
  setText(views.manifest, filled.manifest);
  setText(views.settings, filled.settings);
  setText(views.old, filled.old ?? "");
  apply.checked = filled.old !== null;
  namespace.value = filled.namespace === "default" ? "" : filled.namespace;
  element("old-section").hidden = filled.old === null;
  isLoading = false;
  for (const select of Object.values(menus)) select.selectedIndex = -1;
  changed();
}

function changed(): void {
  if (isLoading) return;
  output.setAttribute("aria-busy", "true");
  asking.ask(input());
}

/** The objects as they would be in the cluster. */
function results(): string {
  const objects = last?.objects.flatMap(({ result }) => (result === null ? [] : [result])) ?? [];
  return objects.join("---\n");
}

function show(reply: Reply): void {
  output.setAttribute("aria-busy", "false");
  if ("failure" in reply) {
    status.textContent = `The policy cannot be asked: ${reply.failure}`;
    return;
  }
  const { problems, advice, form, objects } = reply.output;
  for (const [name, view] of Object.entries(views)) {
    const isHere = ({ field }: Problem) => field === name;
    mark(view, problems.filter(isHere), advice.filter(isHere));
  }
  showMessages(element("messages"), reply.output, (problem) => goTo(views[problem.field], problem));
  element("form").textContent = form === null ? "" : `Read as ${form}.`;
  const isUseless = objects.length === 0 && problems.length > 0;
  output.classList.toggle("stale", isUseless);
  status.textContent = isUseless
    ? `${problems.length} ${problems.length === 1 ? "problem" : "problems"}; below is the result before`
    : summary(reply.output, reply.milliseconds);
  if (isUseless) return;
  last = reply.output;
  tabs.show(reply.output);
}

function menu(field: Field, files: Menu): HTMLSelectElement {
  const select = element<HTMLSelectElement>(`${field}-examples`);
  select.append(...Array.from(files.keys(), (name) => new Option(name)));
  select.addEventListener("change", async () => {
    const name = select.value;
    setText(views[field], await files.get(name)!());
    select.value = name;
  });
  return select;
}

async function copy(button: HTMLButtonElement, text: string): Promise<void> {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

namespace.addEventListener("input", changed);
apply.addEventListener("change", () => {
  element("old-section").hidden = !apply.checked;
  // Likely: the manifest has been applied, and is to be applied once more.
  if (apply.checked && textOf("old") === "") setText(views.old, results());
  changed();
});
element("take-result").addEventListener("click", () => setText(views.old, results()));
element<HTMLButtonElement>("copy").addEventListener("click", (event) => {
  void copy(event.currentTarget as HTMLButtonElement, tabs.text);
});
element<HTMLButtonElement>("copy-link").addEventListener("click", async (event) => {
  const button = event.currentTarget as HTMLButtonElement;
  const link = new URL(`#${await toFragment(input())}`, location.href).href;
  history.replaceState(null, "", link);
  await copy(button, link);
});
for (const [field, view] of Object.entries(views)) {
  view.dom.addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    void file.text().then((text) => setText(views[field as Field], text));
  }, { capture: true });
}
isNarrow.addEventListener("change", () => tabs.draw());
addEventListener("hashchange", () => void restore());

/** Fills the fields from the address; without a link in it, with an example. */
async function restore(): Promise<void> {
  const link = await fromFragment(location.hash.slice(1));
  if (link !== undefined) {
    element("notice").hidden = true;
    return load(link);
  }
  element("notice").hidden = location.hash === "";
  load({
    manifest: await MANIFESTS.get(FIRST.manifest)!(),
    settings: await SETTINGS.get(FIRST.settings)!(),
    old: null,
    namespace: "default",
  });
  menus.manifest.value = FIRST.manifest;
  menus.settings.value = FIRST.settings;
}

await restore();
