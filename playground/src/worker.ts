// Runs the policy beside the page, which stays responsive meanwhile.
import coreUrl from "../core.wasm?url";
import policyUrl from "../../policy.wasm?url";
import { Core, type Input, type Output } from "./core";
import { call } from "./wapc";

/** What the worker says to a question. */
export type Reply = { output: Output; milliseconds: number } | { failure: string };

const [coreModule, policy] = await Promise.all([coreUrl, policyUrl].map(compile)) as [WebAssembly.Module, WebAssembly.Module];

async function compile(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  // Not every server knows the type that streaming takes.
  return WebAssembly.compile(await response.arrayBuffer());
}

function answer(input: Input): Reply {
  const begin = performance.now();
  try {
    // A fresh one each time: after a trap its memory may be in any state.
    const core = new Core(coreModule, (operation, payload) => call(policy, operation, payload));
    return { output: core.ask(input), milliseconds: performance.now() - begin };
  } catch (failure) {
    return { failure: String(failure) };
  }
}

self.onmessage = (event: MessageEvent<Input>) => self.postMessage(answer(event.data));
self.postMessage("ready");
