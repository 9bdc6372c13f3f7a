import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the folder works wherever it is put.
  base: "./",
  build: {
    target: "es2023",
    // Modules are compiled while they come, which takes files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  // The examples lie above this folder.
  server: { fs: { allow: [".."] } },
});
