/** Every state of the queue page in both languages, light and dark, at three widths; nothing serious may be found in any. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Language } from '../src/language';
import { en } from '../src/queue/words.en';
import { ko } from '../src/queue/words.ko';
import { camera, look, SCHEMES, watchedPage } from './camera';
import { CONSOLE_SCENES } from './console-scenes';
import { SCENES, type Scene } from './scenes';
import { open, type Theatre } from './theatre';

const WORDS = { en, ko };

let theatre: Theatre;
beforeAll(async () => {
  theatre = await open(SCENES, CONSOLE_SCENES);
});
afterAll(() => theatre.close());

function button(press: NonNullable<Scene['presses']>[number], language: Language): string {
  const { join, turn, leave, draw } = WORDS[language];
  const names = { join, redeem: turn, leave, draw, check: { button: draw.check } };
  return names[press].button;
}

describe.concurrent.each(SCHEMES)('%s', (scheme) => {
  test.each(['en', 'ko'] as const)('every state in %s', async (language) => {
    const { context, close } = await camera({ colorScheme: scheme });
    const { page, complaints } = await watchedPage(context);
    const findings: string[] = [];
    for (const [name, scene] of Object.entries(SCENES)) {
      await page.setViewportSize({ width: 360, height: 740 });
      await page.goto(`${theatre.url}/e/${name}~${language}-${scheme}?lang=${language}`);
      await page.locator('.screen').waitFor();
      await page.waitForTimeout(name === 'reconnecting' ? 1500 : 250);
      for (const press of scene().presses ?? []) {
        await page.getByRole('button', { name: button(press, language) }).click();
        await page.waitForTimeout(250);
      }
      findings.push(...(await look(page, `queue-${language}-${scheme}`, name)));
      await page.goto('about:blank');
    }
    await close();
    expect({ findings, complaints }).toEqual({ findings: [], complaints: [] });
  });
});
