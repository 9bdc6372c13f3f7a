// Asks the worker, one question at a time: while it is busy only the newest question waits.
import type { Input } from "./core";
import type { Reply } from "./worker";

export class Asking {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly #show: (reply: Reply) => void;
  #waiting: Input | undefined;
  #isBusy = true;

  constructor(show: (reply: Reply) => void) {
    this.#show = show;
    this.#worker.onmessage = (event: MessageEvent<Reply | "ready">) => {
      this.#isBusy = false;
      const isStale = this.#waiting !== undefined;
      this.#next();
      if (event.data !== "ready" && !isStale) this.#show(event.data);
    };
    this.#worker.onerror = (event) => this.#show({ failure: event.message || "the policy could not be loaded" });
  }

  /** Asks, instead of what is still to be asked. */
  ask(input: Input): void {
    this.#waiting = input;
    if (!this.#isBusy) this.#next();
  }

  #next(): void {
    const input = this.#waiting;
    this.#waiting = undefined;
    if (input === undefined) return;
    this.#isBusy = true;
    this.#worker.postMessage(input);
  }
}
