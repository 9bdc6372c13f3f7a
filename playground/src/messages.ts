// What is told above the result: what is wrong, what is advised, and what the policy warns of.
import type { Answer, Field, Output, Problem, Verdict } from "./core";

const FIELDS: Record<Field, string> = { manifest: "Manifest", old: "Old manifest", settings: "Settings" };

const COMPARISONS: Record<Answer["before"], string | undefined> = {
  none: undefined,
  known: undefined,
  absent: "looked at as new, because the old manifest does not have it",
  raw: "without the API server's defaults, which count as a change of the user's part; `kubectl apply --dry-run=server -o yaml` prints what the API server makes of a manifest",
};

/** What stands before the reason of a verdict. */
const WHY: Partial<Record<Verdict, string>> = { notAsked: "the policy is not asked: " };

type Kind = "error" | "warning" | "note";

/** Lists everything that is to be told; a click on a place leads there. */
export function showMessages(list: HTMLElement, output: Output, goTo: (problem: Problem) => void): void {
  const placed = (kind: Kind) => (problem: Problem) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${FIELDS[problem.field]}, line ${problem.line}, column ${problem.column}`;
    button.addEventListener("click", () => goTo(problem));
    return item(kind, button, `: ${problem.message}`);
  };
  const others = output.objects.flatMap(({ title, warnings, verdict, reason, before }) => {
    const note = COMPARISONS[before];
    return [
      ...(verdict === "refused" ? [item("error", `${title}: refused: ${reason}`)] : []),
      ...warnings.map((warning) => item("warning", `${title}: ${warning}`)),
      ...(reason !== null && verdict !== "refused" ? [item("note", `${title}: ${WHY[verdict] ?? ""}${reason}`)] : []),
      ...(note !== undefined ? [item("note", `${title}: ${note}`)] : []),
    ];
  });
  // They are about policies and namespaces, not about objects.
  const doubts = new Set(output.objects.flatMap(({ doubts }) => doubts));
  list.replaceChildren(
    ...output.problems.map(placed("error")),
    ...others,
    ...output.advice.map(placed("warning")),
    ...Array.from(doubts, (doubt) => item("note", doubt)),
  );
  list.hidden = list.childElementCount === 0;
}

function item(kind: Kind, ...content: (Node | string)[]): HTMLElement {
  const element = document.createElement("li");
  element.className = kind;
  const label = document.createElement("b");
  label.textContent = kind;
  element.append(label, " ", ...content);
  return element;
}

/** What is counted beside what is injected, where there is any. */
const COUNTED: [Verdict, string][] = [
  ["uninjected", "uninjected"],
  ["kept", "kept as it was"],
  ["notAsked", "not asked about"],
  ["refused", "refused"],
];

/** One line about all objects. */
export function summary({ objects }: Output, milliseconds: number): string {
  const workloads = objects.filter(({ verdict }) => verdict !== "noWorkload");
  const count = (counted: Verdict) => workloads.filter(({ verdict }) => verdict === counted).length;
  const counts = [
    `${objects.length} ${objects.length === 1 ? "object" : "objects"}`,
    `${count("injected")} injected`,
    ...COUNTED.flatMap(([verdict, words]) => {
      const number = count(verdict);
      return number > 0 ? [`${number} ${words}`] : [];
    }),
  ];
  return `${counts.join(", ")}; ${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
