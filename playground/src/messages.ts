// What is told above the result: what is wrong, and what the policy warns of.
import type { Answer, Field, Output, Problem } from "./core";

const FIELDS: Record<Field, string> = { manifest: "Manifest", old: "Old manifest", settings: "Settings" };

const COMPARISONS: Record<Answer["before"], string | undefined> = {
  none: undefined,
  known: undefined,
  absent: "looked at as new, because the old manifest does not have it",
  raw: "without the API server's defaults, which count as a change of the user's part; `kubectl apply --dry-run=server -o yaml` prints what the API server makes of a manifest",
};

/** Lists everything that is to be told; a click on a problem leads to its place. */
export function showMessages(list: HTMLElement, output: Output, goTo: (problem: Problem) => void): void {
  const problems = output.problems.map((problem) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${FIELDS[problem.field]}, line ${problem.line}, column ${problem.column}`;
    button.addEventListener("click", () => goTo(problem));
    return item("error", button, `: ${problem.message}`);
  });
  const others = output.objects.flatMap(({ title, warnings, verdict, reason, before }) => {
    const note = COMPARISONS[before];
    return [
      ...(verdict === "refused" ? [item("error", `${title}: refused: ${reason}`)] : []),
      ...warnings.map((warning) => item("warning", `${title}: ${warning}`)),
      ...(reason !== null && verdict !== "refused" ? [item("note", `${title}: ${reason}`)] : []),
      ...(note !== undefined ? [item("note", `${title}: ${note}`)] : []),
    ];
  });
  list.replaceChildren(...problems, ...others);
  list.hidden = list.childElementCount === 0;
}

function item(kind: "error" | "warning" | "note", ...content: (Node | string)[]): HTMLElement {
  const element = document.createElement("li");
  element.className = kind;
  const label = document.createElement("b");
  label.textContent = kind;
  element.append(label, " ", ...content);
  return element;
}

/** One line about all objects. */
export function summary({ objects }: Output, milliseconds: number): string {
  const workloads = objects.filter(({ verdict }) => verdict !== "noWorkload");
  const count = (...verdicts: string[]) => workloads.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const counts = [
    `${objects.length} ${objects.length === 1 ? "object" : "objects"}`,
    `${count("injected")} injected`,
    ...[["uninjected", "uninjected"], ["kept", "kept as it was"], ["refused", "refused"]].flatMap(([verdict, words]) => {
      const number = count(verdict!);
      return number > 0 ? [`${number} ${words}`] : [];
    }),
  ];
  return `${counts.join(", ")}; ${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}
