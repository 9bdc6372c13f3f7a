// The modules that the page runs. They come packed: most servers can do gzip at best, and some do nothing.
import { XzReadableStream } from "xz-decompress";
import coreUrl from "../core.wasm.xz?url";
import conditionsUrl from "../core-conditions.wasm.xz?url";

/** What looks at the fields, which carries the policy. */
export const core = fetched(coreUrl);

/** The policy: the very module that clusters run. */
export const policy = core.then((core) => {
  const [section] = WebAssembly.Module.customSections(core, "policy");
  return WebAssembly.compile(section!);
});

let conditions: Promise<WebAssembly.Module> | undefined;

/** What looks at settings: with an evaluator of CEL, which is fetched when it is needed, for policies that have some. */
export function coreFor(settings: string): Promise<WebAssembly.Module> {
  if (!settings.includes("matchConditions")) return core;
  conditions ??= fetched(conditionsUrl).catch((error) => {
    conditions = undefined;
    throw error;
  });
  return conditions;
}

async function fetched(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const unpacked = new Response(new XzReadableStream(response.body), { headers: { "content-type": "application/wasm" } });
  return WebAssembly.compileStreaming(unpacked);
}
