// Chromium, the same way everywhere: from $CHROMIUM, or where Debian has it.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`no browser at ${executablePath}: install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path`);
  }
  return chromium.launch({ executablePath, args: flags, timeout: 60_000 });
}

// Opens a page that collects what must not happen: errors in scripts, and what the content security policy stopped.
export async function open(browser, { viewport = { width: 1280, height: 800 }, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => {
    // A socket that can't be opened is reported there too; the page handles it.
    if (m.type() === "error" && !/WebSocket connection|Failed to load resource/.test(m.text())) errors.push(m.text());
  });
  return { page, errors };
}

// Takes numbered pictures into a folder; without one, none.
export function camera(dir) {
  let n = 0;
  if (dir) mkdirSync(dir, { recursive: true });
  return async (page, name) => {
    if (dir) await page.screenshot({ path: join(dir, `${String(++n).padStart(2, "0")}-${name}.png`) });
  };
}
