// The module `core` looks at what is in the fields, with the code of the command line; here are its types, and how it is
// called. See core/src/abi.rs.
import type { Host, Result } from "./wapc";

/** What is in the fields. */
export interface Input {
  manifest: string;
  /** Settings as such, or policies with the rest of them. */
  settings: string;
  /** The objects as they are in the cluster; null where all are new. */
  old: string | null;
  namespace: string;
}

export type Field = "manifest" | "settings" | "old";

/** Something about a place: line and column counted from 1. */
export interface Problem {
  field: Field;
  line: number;
  column: number;
  message: string;
}

export type Verdict = "injected" | "uninjected" | "kept" | "unchanged" | "notAsked" | "noWorkload" | "refused";

/** An object with the policy's answer. */
export interface Answer {
  title: string;
  line: number;
  verdict: Verdict;
  reason: string | null;
  before: "none" | "absent" | "known" | "raw";
  warnings: string[];
  doubts: string[];
  injected: [string, string][];
  diff: [string, string];
  result: string | null;
  patch: unknown[];
  explanation: string;
}

/** What is shown. */
export interface Output {
  form: string | null;
  problems: Problem[];
  advice: Problem[];
  objects: Answer[];
}

interface Exports {
  memory: WebAssembly.Memory;
  reserve(length: number): number;
  release(buffer: number): void;
  ask(input: number): number;
  call_host(host: number, call: number): number;
}

/** Calls an operation of the policy. */
export type CallPolicy = (operation: string, payload: Uint8Array, host: Host) => Result;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The module, with a policy to ask. */
export class Core {
  readonly #exports: Exports;

  constructor(module: WebAssembly.Module, callPolicy: CallPolicy) {
    const page = {
      call_policy: (nameAt: number, nameLength: number, payloadAt: number, payloadLength: number, host: number) => {
        const name = decoder.decode(this.#bytes(nameAt, nameLength));
        const payload = this.#bytes(payloadAt, payloadLength).slice();
        const callHost: Host = (name, payload) =>
          this.#read(this.#exports.call_host(host, this.#write({ name, payload }))) as Result;
        return this.#write(callPolicy(name, payload, callHost));
      },
    };
    // The crate of the policy brings imports with it that nothing here calls.
    const wapc = new Proxy({}, { get: (_, name) => () => console.error(`${String(name)} is called`) });
    this.#exports = new WebAssembly.Instance(module, { page, wapc }).exports as unknown as Exports;
  }

  /** Asks the policy about what is in the fields. */
  ask(input: Input): Output {
    return this.#read(this.#exports.ask(this.#write(input))) as Output;
  }

  /** What a buffer holds, which is given back. */
  #read(buffer: number): unknown {
    const [begin, length] = this.#buffer(buffer);
    const value: unknown = JSON.parse(decoder.decode(this.#bytes(begin, length)));
    this.#exports.release(buffer);
    return value;
  }

  /** A buffer with JSON in it. */
  #write(value: unknown): number {
    const bytes = encoder.encode(JSON.stringify(value));
    const buffer = this.#exports.reserve(bytes.length);
    const [begin, length] = this.#buffer(buffer);
    this.#bytes(begin, length).set(bytes);
    return buffer;
  }

  #buffer(buffer: number): [number, number] {
    const words = new DataView(this.#exports.memory.buffer, buffer, 8);
    return [words.getUint32(0, true), words.getUint32(4, true)];
  }

  #bytes(begin: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, begin, length);
  }
}
