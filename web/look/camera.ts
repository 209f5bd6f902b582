/** Chromium, and what every look does with a page: pictures at three widths, and a scan by axe. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const PICTURES = new URL('./pictures/', import.meta.url).pathname;
const QUIET = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const WIDTHS = [360, 768, 1024, 1440];
export const SCHEMES = ['light', 'dark'] as const;

interface Finding {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** A browser of its own with a folder of its own. */
export async function camera(options: BrowserContextOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-look-'));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: QUIET,
    // The page's own policy must hold for the page; the scan is brought in from outside.
    bypassCSP: false,
    ...options,
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A page that fails the look when the browser complains of anything the page did. */
export async function watchedPage(context: BrowserContext): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Refusals and silences are part of the scenes; the browser logs each as a failed resource.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  return { page, complaints };
}

/** 360 px at 200 % zoom. */
const ZOOMED = 180;

/** Pictures at every width, the findings of axe at each but for minor ones, and whether anything runs out of the window. */
export async function look(page: Page, folder: string, name: string): Promise<string[]> {
  mkdirSync(join(PICTURES, folder), { recursive: true });
  const findings: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 500 ? 740 : 900 });
    await page.screenshot({ path: join(PICTURES, folder, `${name}-${width}.png`), animations: 'disabled' });
    findings.push(...(await overflow(page, `${name} at ${width}`)));
    for (const { id, impact, nodes } of await scan(page)) {
      findings.push(`${name} at ${width}: ${impact} ${id} ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
    }
  }
  await page.setViewportSize({ width: ZOOMED, height: 370 });
  findings.push(...(await overflow(page, `${name} zoomed`)));
  return findings;
}

async function overflow(page: Page, what: string): Promise<string[]> {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return wide > 0 ? [`${what}: ${wide} px too wide`] : [];
}

async function scan(page: Page): Promise<Finding[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } };
    return (await axe.run()).violations;
  });
  return found.filter(({ impact }) => impact !== 'minor');
}
