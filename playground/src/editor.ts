// The editors, and how YAML looks in them.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching, codeFolding, foldGutter, foldKeymap, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Problem } from "./core";

const style = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--text)" },
  { tag: [tags.content, tags.number, tags.bool, tags.null], color: "var(--scalar)" },
  { tag: [tags.comment, tags.lineComment, tags.meta, tags.typeName], color: "var(--comment)" },
]);

/** YAML, and with it JSON. */
export const asYaml: Extension = [foldGutter(), codeFolding(), yaml(), syntaxHighlighting(style), keymap.of(foldKeymap)];

/** Text that can be read and copied. */
export function readOnly(label: string): Extension {
  return [
    lineNumbers(),
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, role: "textbox", "aria-readonly": "true", tabindex: "0" }),
  ];
}

/** An editor whose text is told whenever it changes. */
export function editor(parent: HTMLElement, label: string, changed: () => void): EditorView {
  return new EditorView({
    parent,
    extensions: [
      lineNumbers(),
      asYaml,
      history(),
      drawSelection(),
      indentUnit.of("  "),
      indentOnInput(),
      bracketMatching(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      lintGutter(),
      // The key Tab leaves the editor, as it leaves every field.
      keymap.of([...defaultKeymap, ...historyKeymap]),
      EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed();
      }),
    ],
  });
}

/** Replaces the text. */
export function setText(view: EditorView, text: string): void {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

/** Marks what is wrong, and what is advised, from its place to the end of the line. */
export function mark(view: EditorView, problems: Problem[], advice: Problem[]): void {
  const diagnostic = (severity: Diagnostic["severity"]) => (problem: Problem): Diagnostic => {
    const from = placeOf(view, problem);
    const to = Math.max(from, view.state.doc.lineAt(from).to);
    return { from, to, severity, message: problem.message };
  };
  const diagnostics = [...problems.map(diagnostic("error")), ...advice.map(diagnostic("warning"))];
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

/** Moves the cursor to a problem. */
export function goTo(view: EditorView, problem: Problem): void {
  const anchor = placeOf(view, problem);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
}

function placeOf(view: EditorView, { line, column }: Problem): number {
  const { doc } = view.state;
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  // Columns count characters, of which some are two of JavaScript's.
  const before = Array.from(found.text).slice(0, column - 1).join("");
  return found.from + before.length;
}
