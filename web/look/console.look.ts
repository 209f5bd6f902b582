/** Every screen of the ops console in both languages, light and dark, at three widths; nothing serious may be found in any. */

import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { en, type Words } from '../src/console/words.en';
import { ko } from '../src/console/words.ko';
import { camera, look, SCHEMES, watchedPage } from './camera';
import { type Act, CONSOLE_SCENES } from './console-scenes';
import { open, type Theatre } from './theatre';

const WORDS = { en, ko };

async function act(page: Page, what: Act, words: Words): Promise<void> {
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const acts: Record<Act, () => Promise<void>> = {
    pause: () => press(words.move.label.paused),
    close: () => press(words.move.label.closed),
    keys: () => page.keyboard.press('?'),
    'type-rate': () => page.fill('#rate_per_s', '12'),
    'add-stock': async () => {
      await page.fill('#add', '250');
      await press(words.stock.button);
    },
    'wrong-token': async () => {
      await page.fill('#token', 'guess');
      await press(words.gate.button);
    },
    'find-nothing': async () => {
      await page.keyboard.press('/');
      await page.keyboard.type('tulips');
    },
    'by-account': () => press(words.gate.account.use),
    rotate: () => press(words.signing.rotate),
    'show-letter': () => press(`${words.letters.show} ${words.letters.one('17')}`),
    discard: () => press(`${words.letters.discard.button} ${words.letters.one('17')}`),
    'still-dead': () => press(`${words.letters.redrive} ${words.letters.one('17')}`),
    'look-at-codes': async () => {
      await page.setInputFiles('#file', { name: 'codes.csv', mimeType: 'text/csv', buffer: Buffer.from('code\n') });
      await press(words.upload.look);
      await page.locator('[role=region]').scrollIntoViewIfNeeded();
    },
    'take-back': () => press(`${words.book.cancel.button} SUMMER-BBBB2222`),
    generate: async () => {
      await page.fill('#count', '1000000');
      await press(words.generate.button);
      await page.locator('progress:visible').scrollIntoViewIfNeeded();
    },
    deal: async () => {
      await page.fill('#pool', 'gold');
      await press(words.distribution.button);
      await page.getByRole('button', { name: words.job.report }).scrollIntoViewIfNeeded();
    },
    'open-all': async () => {
      for (const summary of await page.locator('summary').all()) {
        await summary.click();
      }
    },
    edit: async () => {
      await press(words.terms.change);
      await page.locator('#title').scrollIntoViewIfNeeded();
    },
    'edit-refused': async () => {
      await press(words.terms.change);
      await page.fill('#closes_at', '2026-01-01T00:00:30');
      await press(words.terms.save);
      await page.locator('#closes_at').scrollIntoViewIfNeeded();
    },
    'make-taken': async () => {
      await page.fill('#id', 'demo');
      await page.fill('#title', 'Once more');
      await press(words.make.button);
    },
  };
  await acts[what]();
}

describe.concurrent.each(SCHEMES)('%s', (scheme) => {
  test.each(['en', 'ko'] as const)('every screen in %s', async (language) => {
    const theatre: Theatre = await open({}, CONSOLE_SCENES);
    const { context, close } = await camera({ colorScheme: scheme });
    const findings: string[] = [];
    const complained: string[] = [];
    for (const [name, scene] of Object.entries(CONSOLE_SCENES)) {
      const { page, complaints } = await watchedPage(context);
      if (!name.startsWith('gate')) {
        const held = scene.operator ? ['stanchion-signed-in', '1'] : ['stanchion-admin-token', name];
        await page.addInitScript(([key = '', value = '']) => sessionStorage.setItem(key, value), held);
      }
      await page.goto(`${theatre.url}/console/${name}?lang=${language}#${scene.at}`);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(600);
      for (const what of scene.acts ?? []) {
        await act(page, what, WORDS[language]);
      }
      await page.waitForTimeout(name === 'event-overtaken' ? 2600 : 200);
      findings.push(...(await look(page, `console-${language}-${scheme}`, name)));
      complained.push(...complaints);
      await page.close();
    }
    await close();
    await theatre.close();
    expect({ findings, complained }).toEqual({ findings: [], complained: [] });
  });
});
