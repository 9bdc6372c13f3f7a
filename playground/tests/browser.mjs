// A browser with the built page in it, for the tests and for the screenshots.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** A path in the repository. */
export const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves the built page from some folder, as any static server does. */
async function serve(folder) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const inside = path.startsWith(folder) ? normalize(path.slice(folder.length)) : "..";
    const file = join(root("playground/dist"), inside === "." ? "index.html" : inside);
    const isThere = !inside.startsWith("..") && (await stat(file).then((found) => found.isFile(), () => false));
    if (!isThere) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { address: `http://127.0.0.1:${server.address().port}${folder}`, stop };
}

/** Starts a browser, and serves the page. `open` gives it, `blank` an empty one; `stop` ends both. */
export async function start() {
  const { address, stop } = await serve("/some/folder/playground/");
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  // Root, as in containers, gets no sandbox.
  const chromiumSandbox = process.getuid() !== 0;
  const browser = await chromium.launch({ executablePath, chromiumSandbox, args: ["--disable-dev-shm-usage"] });
  return {
    address,
    async open({ fragment = "", init, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1600, height: 3000 }, ...options });
      const page = await context.newPage();
      const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
      if (init) await page.addInitScript(init);
      await page.goto(address + fragment);
      await answered(page);
      return { page, errors };
    },
    blank: () => browser.newPage(),
    async stop() {
      await browser.close();
      await stop();
    },
  };
}

/** Waits until what is in the fields is answered. */
export async function answered(page) {
  await page.locator('#output[aria-busy="false"]').waitFor();
}

/** The whole text of an editor, of which the page holds only what can be seen. */
export function textOf(page, selector) {
  return page.locator(`${selector} .cm-content`).first().evaluate((content) => content.cmTile.root.view.state.doc.toString());
}

/** Replaces the text of an editor, as pasting does. */
export async function paste(page, selector, text) {
  await page.locator(`${selector} .cm-content`).first().evaluate((content, text) => {
    const view = content.cmTile.root.view;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  }, text);
  await answered(page);
}

/** Chooses an example in the menu of a field, and waits until it is there. */
export async function choose(page, field, name) {
  const before = await textOf(page, `#${field}`);
  const menu = page.locator(`#${field}-examples`);
  if ((await menu.inputValue()) !== name) {
    await menu.selectOption(name);
    const isAnother = ([field, before]) =>
      document.querySelector(`#${field} .cm-content`).cmTile.root.view.state.doc.toString() !== before;
    await page.waitForFunction(isAnother, [field, before]);
  }
  await answered(page);
}

/** Shows a tab, and gives its text. */
export async function tab(page, name) {
  await page.getByRole("tab", { name }).click();
  return textOf(page, "#panel");
}
