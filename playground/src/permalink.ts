// The fields in the fragment of the address, which browsers send to no server.
import type { Input } from "./core";

/** The fragment: JSON, compressed, in base64 for addresses. */
export async function toFragment(input: Input): Promise<string> {
  const bytes = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(JSON.stringify(input)));
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What a fragment holds; undefined where that is nothing of ours. */
export async function fromFragment(fragment: string): Promise<Input | undefined> {
  if (fragment === "") return undefined;
  try {
    const text = atob(fragment.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = await through(
      new DecompressionStream("deflate-raw"),
      Uint8Array.from(text, (character) => character.charCodeAt(0)),
    );
    return checked(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Anybody can write a link. */
function checked(value: Partial<Record<keyof Input, unknown>>): Input | undefined {
  const { manifest, settings, old, namespace } = value;
  const isInput =
    typeof manifest === "string" &&
    typeof settings === "string" &&
    typeof namespace === "string" &&
    (old === null || typeof old === "string");
  return isInput ? { manifest, settings, old, namespace } : undefined;
}

async function through(stream: CompressionStream | DecompressionStream, bytes: Uint8Array): Promise<Uint8Array> {
  const parts = new Blob([bytes as BlobPart]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(parts).arrayBuffer());
}
