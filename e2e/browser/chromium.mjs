// Chromium for the walks: a profile of its own for each context, a list of what the pages complain of, and the keyboard.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const pictures = new URL('../screenshots/', import.meta.url).pathname;
mkdirSync(pictures, { recursive: true });

const folder = mkdtempSync(join(tmpdir(), 'stanchion-browser-'));
const quiet = ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const opened = [];

/** A browser of its own. */
export async function browser(name, options = {}) {
  const context = await chromium.launchPersistentContext(join(folder, name), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: quiet,
    locale: 'en',
    viewport: { width: 1024, height: 800 },
    ...options,
  });
  // Whatever is waited for comes, however busy the machine is.
  context.setDefaultTimeout(60_000);
  opened.push(context);
  return context;
}

/** Walks, and leaves no browser and no profile behind, whatever happens on the way. */
export async function walking(walk) {
  try {
    await walk();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await Promise.allSettled(opened.map((context) => context.close()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

export const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled' });

/** Notes every error that a page raises. */
export const watch = (page, complaints) => page.on('pageerror', (error) => complaints.push(String(error)));

/** Presses Tab until the button has the focus, then the key. */
export async function press(page, name, key) {
  await page.getByRole('button', { name }).first().waitFor();
  for (let presses = 0; presses < 30; presses += 1) {
    if ((await page.evaluate(() => document.activeElement?.textContent)) === name) {
      await page.keyboard.press(key);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach “${name}”`);
}
