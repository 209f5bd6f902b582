/** Walks whole ways through the queue page in a browser: what a person does, and what they see at the end. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { camera, PICTURES, watchedPage } from './camera';
import { WAYS } from './scenes';
import { open, type Theatre } from './theatre';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await open(WAYS, {});
});
afterAll(() => theatre.close());

test('the keyboard alone leads from the door to the code', async () => {
  const { context, close } = await camera({ locale: 'en' });
  const { page, complaints } = await watchedPage(context);
  await page.goto(`${theatre.url}/e/from-the-door-to-the-code`);
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  const tabTo = async (name: string) => {
    await page.getByRole('button', { name }).waitFor();
    for (let presses = 0; (await focused()) !== name && presses < 12; presses += 1) {
      await page.keyboard.press('Tab');
    }
    expect(await focused()).toBe(name);
  };
  await tabTo('Join the line');
  await page.keyboard.press('Enter');
  await tabTo('Get my coupon');
  await page.keyboard.press('Space');
  await page.getByText('K7QF2MZRXW4T').waitFor();
  expect(await page.title()).toContain('Your coupon');
  await close();
  expect(complaints).toEqual([]);
});

test('the coupon can be copied, and saved as text and as a picture', async () => {
  const { context, close } = await camera({ locale: 'en', permissions: ['clipboard-read', 'clipboard-write'] });
  const { page, complaints } = await watchedPage(context);
  await page.goto(`${theatre.url}/e/a-coupon-to-keep`);
  await page.getByRole('button', { name: 'Get my coupon' }).click();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('K7QF2MZRXW4T');
  const saved = async (name: string) => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name }).click();
    return readFileSync(await (await download).path());
  };
  const text = (await saved('Save as text')).toString();
  expect(text).toContain('K7QF2MZRXW4T\nKept on the record as #17');
  const picture = await saved('Save as picture');
  expect(picture.subarray(1, 4).toString()).toBe('PNG');
  mkdirSync(PICTURES, { recursive: true });
  writeFileSync(`${PICTURES}saved-coupon.png`, picture);
  await close();
  expect(complaints).toEqual([]);
});

test('a lost answer is asked for again with the same ticket until it is known', async () => {
  const { context, close } = await camera({ locale: 'ko' });
  const { page } = await watchedPage(context);
  await page.goto(`${theatre.url}/e/an-answer-lost-twice`);
  await page.getByRole('button', { name: '쿠폰 받기' }).click();
  await page.getByText('확인하는 중…').first().waitFor();
  await page.getByText('K7QF2MZRXW4T').waitFor();
  expect(theatre.shown.get('an-answer-lost-twice')).toEqual(Array(3).fill('Bearer header.claims.signature'));
  await close();
});

test('whoever was drawn works the draw out again, and a draw that does not come out is called so', async () => {
  const { context, close } = await camera({ locale: 'en' });
  const { page, complaints } = await watchedPage(context);
  const checked = async (scene: string) => {
    await page.goto(`${theatre.url}/e/${scene}`);
    await page.locator('.line .digits').waitFor();
    await page.getByRole('button', { name: 'How the places were drawn' }).click();
    await page.getByRole('button', { name: 'Work it out here' }).click();
    const outcome = page.locator('dialog .note').filter({ hasNotText: 'Working' }).filter({ hasText: /./ });
    return [await page.locator('.line .digits').innerText(), await outcome.innerText()];
  };
  const [number, right] = await checked('a-draw-to-check');
  expect(right).toBe(`It is right: every place stands where the seed put it. You were drawn as number ${number}.`);
  expect((await checked('a-draw-that-was-bent'))[1]).toContain('does not come out');
  await close();
  expect(complaints).toEqual([]);
});

test('a page that nobody looks at tells of the turn by a note, when it was asked to, and by its title', async () => {
  for (const asked of [true, false]) {
    const { context, close } = await camera({ locale: 'en' });
    const { page, complaints } = await watchedPage(context);
    await page.addInitScript(() => {
      const notes: string[] = [];
      class Note {
        static permission = 'granted';
        constructor(headline: string) {
          notes.push(headline);
        }
      }
      Object.assign(globalThis, { Notification: Note, notes });
      Object.defineProperty(document, 'hidden', { get: () => true });
    });
    await page.goto(`${theatre.url}/e/unheard-of`);
    await page.evaluate((wanted) => localStorage.setItem('stanchion-sound', wanted), asked ? 'on' : 'off');
    await page.goto(`${theatre.url}/e/a-turn-elsewhere`);
    await page.getByRole('button', { name: 'Get my coupon' }).waitFor();
    await page.waitForFunction(() => document.title.startsWith('Your turn!'));
    const notes = await page.evaluate(() => (globalThis as unknown as { notes: string[] }).notes);
    expect(notes).toEqual(asked ? ['It’s your turn.'] : []);
    expect(await page.locator('#assertive').innerText()).toContain('It is your turn');
    await close();
    expect(complaints).toEqual([]);
  }
});
