// Writes the pictures of the README.
import { root, start } from "./browser.mjs";

const browser = await start();
for (const colorScheme of ["light", "dark"]) {
  const { page } = await browser.open({ colorScheme, viewport: { width: 1280, height: 800 } });
  // The time is another one each time.
  await page.locator("#status").evaluate((status) => (status.textContent = status.textContent.replace(/;.*/, "")));
  await page.screenshot({ path: root(`docs/playground-${colorScheme}.png`) });
}
await browser.stop();
