import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the folder works wherever it is put.
  base: "./",
  build: {
    target: "es2023",
    // WebAssembly is compiled while it comes, which takes a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  // The examples and the policy lie above this folder.
  server: { fs: { allow: [".."] } },
});
