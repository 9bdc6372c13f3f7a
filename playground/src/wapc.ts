// The waPC protocol (https://wapc.io/docs/spec/), as far as Kubewarden policies use it.

/** An answer, or an error. */
export type Result = { Ok: string } | { Err: string };

/** Answers what a guest asks of its host: binding, namespace and operation, and a payload. */
export type Host = (name: [string, string, string], payload: string) => Result;

interface Exports {
  memory: WebAssembly.Memory;
  __guest_call(operationLength: number, payloadLength: number): number;
  _start?(): void;
  wapc_init?(): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Calls an operation of a guest in a fresh instance, as policy-server does: nothing survives from an earlier call. */
export function call(module: WebAssembly.Module, operation: string, payload: Uint8Array, host: Host): Result {
  const operationBytes = encoder.encode(operation);
  const none = new Uint8Array();
  let answer = none;
  let guestError = "";
  let hostAnswer = none;
  let hostError = none;

  // The memory grows, and its buffer is another one then.
  const at = (begin: number, length: number) => new Uint8Array(exports.memory.buffer, begin, length);
  const text = (begin: number, length: number) => decoder.decode(at(begin, length));

  const wapc = {
    __guest_request(operationAt: number, payloadAt: number) {
      at(operationAt, operationBytes.length).set(operationBytes);
      at(payloadAt, payload.length).set(payload);
    },
    __guest_response(begin: number, length: number) {
      answer = at(begin, length).slice();
    },
    __guest_error(begin: number, length: number) {
      guestError = text(begin, length);
    },
    __host_call(...places: [number, number, number, number, number, number, number, number]) {
      const [bindingAt, bindingLength, namespaceAt, namespaceLength, nameAt, nameLength, begin, length] = places;
      const result = host(
        [text(bindingAt, bindingLength), text(namespaceAt, namespaceLength), text(nameAt, nameLength)],
        text(begin, length),
      );
      hostAnswer = "Ok" in result ? encoder.encode(result.Ok) : none;
      hostError = "Err" in result ? encoder.encode(result.Err) : none;
      return "Ok" in result ? 1 : 0;
    },
    __host_response_len: () => hostAnswer.length,
    __host_response: (begin: number) => at(begin, hostAnswer.length).set(hostAnswer),
    __host_error_len: () => hostError.length,
    __host_error: (begin: number) => at(begin, hostError.length).set(hostError),
    __console_log: (begin: number, length: number) => console.log(text(begin, length)),
  };

  const instance = new WebAssembly.Instance(module, { wapc });
  const exports = instance.exports as unknown as Exports;
  try {
    exports._start?.();
    exports.wapc_init?.();
    if (exports.__guest_call(operationBytes.length, payload.length) === 1) {
      return { Ok: decoder.decode(answer) };
    }
    return { Err: guestError };
  } catch (trap) {
    return { Err: String(trap) };
  }
}
