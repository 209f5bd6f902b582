/** Every screen of the account page in both languages, light and dark, at three widths; nothing serious may be found in any. */

import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { en, type Words } from '../src/account/words.en';
import { ko } from '../src/account/words.ko';
import { ACCOUNT_SCENES, type AccountAct } from './account-scenes';
import { camera, look, SCHEMES, watchedPage } from './camera';
import { open } from './theatre';

const WORDS = { en, ko };

async function act(page: Page, what: AccountAct, words: Words): Promise<void> {
  const press = (name: string) => page.getByRole('button', { name, exact: true }).first().click();
  const acts: Record<AccountAct, () => Promise<void>> = {
    'sign-up': () => press(words.sign.in.other),
    wrong: async () => {
      await page.fill('#email', 'ana@example.org');
      await page.fill('#password', 'a guess');
      await press(words.sign.in.button);
    },
    open: () => page.locator('.coupon-head').first().click(),
    use: () => press(words.redeem.button),
    lock: () => press(words.lock.button),
  };
  await acts[what]();
  await page.waitForTimeout(250);
}

describe.concurrent.each(SCHEMES)('%s', (scheme) => {
  test.each(['en', 'ko'] as const)('every screen in %s', async (language) => {
    const theatre = await open({}, {}, ACCOUNT_SCENES);
    const { context, close } = await camera({ colorScheme: scheme });
    const findings: string[] = [];
    const complained: string[] = [];
    for (const [name, scene] of Object.entries(ACCOUNT_SCENES)) {
      const { page, complaints } = await watchedPage(context);
      await page.addInitScript((codes) => {
        for (const code of codes) {
          sessionStorage.setItem(`stanchion-lock summer ${code}`, 'secret');
        }
      }, scene.locked ?? []);
      await page.goto(`${theatre.url}/account/${name}?lang=${language}`);
      await page.locator('.screen h2').waitFor();
      await page.waitForTimeout(300);
      for (const what of scene.acts ?? []) {
        await act(page, what, WORDS[language]);
      }
      findings.push(...(await look(page, `account-${language}-${scheme}`, name)));
      complained.push(...complaints);
      await page.close();
    }
    await close();
    await theatre.close();
    expect({ findings, complained }).toEqual({ findings: [], complained: [] });
  });
});
