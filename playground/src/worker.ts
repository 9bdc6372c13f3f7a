// Runs the policy beside the page, which stays responsive meanwhile.
import { Core, type Input, type Output } from "./core";
import { coreFor, policy } from "./modules";
import { call } from "./wapc";

/** What the worker says to a question. */
export type Reply = { output: Output; milliseconds: number } | { failure: string };

async function answer(input: Input): Promise<Reply> {
  try {
    const [core, module] = await Promise.all([coreFor(input.settings), policy]);
    const begin = performance.now();
    // A fresh one each time: after a trap its memory may be in any state.
    const output = new Core(core, (...asked) => call(module, ...asked)).ask(input);
    return { output, milliseconds: performance.now() - begin };
  } catch (failure) {
    return { failure: String(failure) };
  }
}

self.onmessage = async (event: MessageEvent<Input>) => self.postMessage(await answer(event.data));
self.postMessage("ready");
