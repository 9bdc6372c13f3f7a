// The tabs of the result.
import { EditorView } from "@codemirror/view";
import type { Output } from "./core";
import { showDiff } from "./diff";
import { asYaml, readOnly } from "./editor";

interface Tab {
  id: string;
  title: string;
  /** What is copied; nothing of a diff, which is two texts. */
  text?: (output: Output) => string;
  /** Whether that is YAML, or JSON. */
  isYaml?: boolean;
}

const joined = (texts: (string | null)[]) => texts.filter((text) => text !== null && text !== "").join("---\n");

const TABS: Tab[] = [
  { id: "diff", title: "Diff" },
  { id: "yaml", title: "YAML", isYaml: true, text: ({ objects }) => joined(objects.map(({ result }) => result)) },
  {
    id: "patch",
    title: "JSON patch",
    isYaml: true,
    text: ({ objects }) => {
      const changed = objects.filter(({ patch }) => patch.length > 0);
      return changed.map(({ title, patch }) => `# ${title}\n${JSON.stringify(patch, null, 2)}\n`).join("");
    },
  },
  {
    id: "explain",
    title: "Explain",
    text: ({ objects }) => objects.map(({ explanation }) => explanation).filter((text) => text !== "").join("\n"),
  },
];

/** Shows an output in the tab that is chosen. */
export class Tabs {
  readonly #panel = document.querySelector<HTMLElement>("#panel")!;
  readonly #copy = document.querySelector<HTMLButtonElement>("#copy")!;
  readonly #allLines = document.querySelector<HTMLInputElement>("#all-lines")!;
  readonly #buttons: HTMLButtonElement[];
  #tab: Tab = TABS[0]!;
  #output: Output | undefined;
  #remove = () => {};

  constructor() {
    const list = document.querySelector<HTMLElement>("#tabs")!;
    this.#buttons = TABS.map((tab) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", id: `tab-${tab.id}`, textContent: tab.title });
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", "panel");
      button.addEventListener("click", () => this.#choose(tab));
      return button;
    });
    list.append(...this.#buttons);
    this.#allLines.addEventListener("change", () => this.draw());
    list.addEventListener("keydown", (event) => this.#step(event));
    this.#choose(this.#tab);
  }

  /** The text of the tab, to be copied. */
  get text(): string {
    return this.#output && this.#tab.text ? this.#tab.text(this.#output) : "";
  }

  show(output: Output): void {
    this.#output = output;
    this.draw();
  }

  draw(): void {
    this.#remove();
    this.#panel.replaceChildren();
    const output = this.#output;
    if (output === undefined) return;
    if (this.#tab.text === undefined) {
      const sides = (side: 0 | 1) => joined(output.objects.map(({ diff }) => diff[side]));
      this.#remove = showDiff(this.#panel, [sides(0), sides(1)], this.#allLines.checked);
      return;
    }
    const extensions = [readOnly(this.#tab.title), this.#tab.isYaml ? asYaml : []];
    const view = new EditorView({ parent: this.#panel, doc: this.text, extensions });
    this.#remove = () => view.destroy();
  }

  #choose(tab: Tab): void {
    this.#tab = tab;
    for (const [place, button] of this.#buttons.entries()) {
      const isChosen = TABS[place] === tab;
      button.setAttribute("aria-selected", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    this.#panel.setAttribute("aria-labelledby", `tab-${tab.id}`);
    const isDiff = tab.text === undefined;
    this.#copy.hidden = isDiff;
    this.#allLines.parentElement!.hidden = !isDiff;
    this.draw();
  }

  /** The arrow keys go from tab to tab. */
  #step(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1 };
    const step = steps[event.key];
    if (step === undefined) return;
    const place = (TABS.indexOf(this.#tab) + step + TABS.length) % TABS.length;
    this.#choose(TABS[place]!);
    this.#buttons[place]!.focus();
  }
}
