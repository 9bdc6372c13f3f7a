// The files that the menus offer. Each is fetched, from the page's own folder, when it is chosen.

type Fetch = () => Promise<string>;

const manifests = import.meta.glob<string>(["../../examples/*.yaml", "../../tests/golden/**/*.before.yaml"], {
  query: "?raw",
  import: "default",
});

const settings = import.meta.glob<string>(
  [
    "../../policy-settings/*.json", "../../policy-settings/*.yaml", "!../../policy-settings/schema.json",
    "../../deploy/workloads.yaml", "../../deploy/pods.yaml",
  ],
  { query: "?raw", import: "default" },
);

/** Files by what a menu calls them. */
export type Menu = ReadonlyMap<string, Fetch>;

export const MANIFESTS = menu(manifests);
export const SETTINGS = menu(settings);

/** What a new page shows. */
export const FIRST = { manifest: "nginx.yaml", settings: "default.json" };

function menu(files: Record<string, Fetch>): Menu {
  return new Map(Object.entries(files).map(([path, fetch]) => [nameOf(path), fetch]));
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(".before.yaml", ".yaml");
}
