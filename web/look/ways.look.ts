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
