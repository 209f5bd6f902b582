// Walks the whole path in a real browser, against a real server: stand in line, watch the number fall after the rate was turned
// up in the console, redeem with the keyboard alone, read the code; a second tab and a reload keep the place; without JavaScript
// the page still enters, shows the number and redeems. Pictures of each step go to e2e/screenshots.
//
//   node path.mjs <public url> <ops url> <event>      admin token in STANCHION_ADMIN_TOKEN
//
// The event stands still (rate 0) with people before us. Prints one JSON object of what was seen; the caller judges it.

import { browser, picture, press, walking, watch as watchFor } from './chromium.mjs';

const [publicUrl, opsUrl, event] = process.argv.slice(2);
const token = process.env.STANCHION_ADMIN_TOKEN;

const seen = { positions: [], complaints: [] };
const watch = (page) => watchFor(page, seen.complaints);
const digits = async (page) => Number((await page.locator('.line .digits').innerText()).replaceAll(/\D/g, ''));

/** Without JavaScript: a form enters, the page shows the number, and later a button redeems. */
async function withoutJavaScript() {
  const context = await browser('plain', { javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${publicUrl}/e/${event}`);
  await page.locator('form button').first().click();
  await page.waitForURL(`${publicUrl}/e/${event}`);
  seen.plain = await page.locator('main').innerText();
  await picture(page, 'no-javascript');
  const account = await context.newPage();
  await account.goto(`${publicUrl}/account`);
  seen.plainAccount = await account.locator('main').innerText();
  await account.close();
  return async () => {
    const button = page.getByRole('button', { name: 'Get my coupon' });
    await button.waitFor();
    await picture(page, 'no-javascript-turn');
    await button.click();
    seen.plainCode = await page.locator('.code').innerText();
    await picture(page, 'no-javascript-coupon');
    await context.close();
  };
}

/** Opens the console and sets the rate. */
async function turnUpTheRate(context, rate) {
  const page = await context.newPage();
  watch(page);
  await page.goto(`${opsUrl}/`);
  await page.locator('#token').fill(token);
  await page.keyboard.press('Enter');
  await page.locator(`a[href$="${event}"]`).first().click();
  await page.locator('#rate_per_s').fill(String(rate));
  await page.keyboard.press('Enter');
  await page.locator('.force', { hasText: `${rate}` }).first().waitFor();
  await picture(page, 'console');
  await page.close();
}

await walking(async () => {
  const redeemWithoutJavaScript = await withoutJavaScript();
  const context = await browser('visitor');
  const page = await context.newPage();
  watch(page);
  await page.goto(`${publicUrl}/e/${event}`);
  await picture(page, 'join');
  await press(page, 'Join the line', 'Enter');
  await page.locator('.line .digits').waitFor();
  seen.first = await digits(page);
  await picture(page, 'waiting');

  const second = await context.newPage();
  watch(second);
  await second.goto(`${publicUrl}/e/${event}`);
  await second.locator('.line .digits').waitFor();
  seen.secondTab = await digits(second);
  await second.close();

  await page.reload();
  await page.locator('.line .digits').waitFor();
  seen.reloaded = await digits(page);

  // Every number that the page shows from now on, as it changes.
  await page.exposeFunction('shown', (text) => seen.positions.push(Number(text.replaceAll(/\D/g, ''))));
  await page.evaluate(() => {
    const screen = document.querySelector('#screen');
    const tell = () => {
      const shown = screen.querySelector('.line .digits')?.textContent;
      if (shown) {
        globalThis.shown(shown);
      }
    };
    new MutationObserver(tell).observe(screen, { childList: true, subtree: true, characterData: true });
  });
  await turnUpTheRate(context, 4);
  await page.bringToFront();
  await page.getByRole('button', { name: 'Get my coupon' }).waitFor({ timeout: 60_000 });
  await picture(page, 'turn');
  await press(page, 'Get my coupon', 'Space');
  await page.locator('.coupon .code').waitFor();
  seen.code = await page.locator('.coupon .code').innerText();
  seen.record = await page.locator('.coupon .record').innerText();
  await picture(page, 'coupon');
  await page.reload();
  await page.locator('.coupon .code').waitFor();
  seen.codeAfterReload = await page.locator('.coupon .code').innerText();
  await context.close();
  await redeemWithoutJavaScript();
  console.log(JSON.stringify(seen));
});
