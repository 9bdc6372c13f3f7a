// The diff: side by side, or in one column where there is no room for two.
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorView } from "@codemirror/view";
import { asYaml, readOnly } from "./editor";

const COLLAPSED = { collapseUnchanged: { margin: 3, minSize: 6 } };
// A diff that takes longer than that is cut short: it may be larger than it has to be then.
const diffConfig = { scanLimit: 1000, timeout: 500 };

export const isNarrow = matchMedia("(max-width: 60rem)");

/** Shows a diff, with all lines or those around the changes; gives what removes it. */
export function showDiff(parent: HTMLElement, [before, after]: [string, string], allLines: boolean): () => void {
  const options = { diffConfig, ...(allLines ? {} : COLLAPSED) };
  if (isNarrow.matches) {
    const view = new EditorView({
      parent,
      doc: after,
      extensions: [
        readOnly("With the policy, changes marked"),
        asYaml,
        unifiedMergeView({ original: before, mergeControls: false, ...options }),
      ],
    });
    return () => view.destroy();
  }
  const view = new MergeView({
    parent,
    a: { doc: before, extensions: [readOnly("Without the policy"), asYaml] },
    b: { doc: after, extensions: [readOnly("With the policy"), asYaml] },
    ...options,
  });
  return () => view.destroy();
}
