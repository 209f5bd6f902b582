// Stands in line in a real browser as wide as a small phone, against a real server: a lobby that is drawn and checked, a second tab,
// a pause, a network that goes and comes, the last coupon taken by somebody else. Pictures of each step go to e2e/screenshots.
//
//   node line.mjs <public url> <ops url> <drawn event> <last event>      admin token in STANCHION_ADMIN_TOKEN
//
// The first event is a lobby that is drawn, the second is open; both stand still (rate 0). Prints one JSON object of what was seen; the
// caller judges it.

import { connect, createServer } from 'node:net';
import { browser, picture, press, walking, watch } from './chromium.mjs';

const [publicUrl, opsUrl, drawnEvent, lastEvent] = process.argv.slice(2);
const token = process.env.STANCHION_ADMIN_TOKEN;
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };
const PATIENCE = { timeout: 60_000 };
const seen = { complaints: [], unfit: [] };

/** A call from outside the browser; what came back. */
async function call(method, url, bearer, body) {
  const headers = { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const reply = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await reply.text();
  if (!reply.ok) {
    throw new Error(`${method} ${url}: ${reply.status} ${text}`);
  }
  return text === '' ? null : JSON.parse(text);
}

const phase = (event, to) => call('POST', `${opsUrl}/api/v1/admin/events/${event}/phase`, token, { phase: to });
const places = (event) => `${publicUrl}/api/v1/events/${event}/places`;
/** Somebody else enters; the secret of their place. */
const enter = async (event) => (await call('POST', places(event), null, {})).place_token;

/** A way to the server that can be cut: connections end, and nobody takes new ones. */
async function way() {
  const { hostname, port } = new URL(publicUrl);
  const open = new Set();
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [end, other] of [[near, far], [far, near]]) {
      open.add(end);
      end.pipe(other);
      end.on('error', () => {});
      end.on('close', () => {
        open.delete(end);
        other.destroy();
      });
    }
  });
  const listen = (at) => new Promise((done) => relay.listen(at, '127.0.0.1', done));
  await listen(0);
  const own = relay.address().port;
  const cut = () =>
    new Promise((done) => {
      relay.close(done);
      for (const end of open) {
        end.destroy();
      }
    });
  return { url: `http://127.0.0.1:${own}`, cut, mend: () => listen(own) };
}

const digits = async (page) => Number((await page.locator('.line .digits').innerText()).replaceAll(/\D/g, ''));
const headline = (page, text) => page.locator('#screen h2:visible', { hasText: text }).waitFor(PATIENCE);

/** Notes what does not fit a small phone: a page wider than the window, and what is too small for a thumb. */
async function step(page, name) {
  const unfit = await page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - innerWidth;
    const buttons = [...document.querySelectorAll('button')].filter((button) => button.checkVisibility());
    const small = buttons.filter((button) => {
      const { width, height } = button.getBoundingClientRect();
      return width < 44 || height < 44;
    });
    return [...(wide > 0 ? [`${wide} px too wide`] : []), ...small.map((button) => `small: ${button.textContent}`)];
  });
  seen.unfit.push(...unfit.map((what) => `${name}: ${what}`));
  await picture(page, `phone-${name}`);
}

async function open(context, url) {
  const page = await context.newPage();
  watch(page, seen.complaints);
  await page.goto(url);
  return page;
}

/** Drawn, paused, cut off, back. */
async function standing(context, { url, cut, mend }) {
  const others = [await enter(drawnEvent), await enter(drawnEvent), await enter(drawnEvent)];
  const page = await open(context, `${url}/e/${drawnEvent}`);
  await step(page, 'join');
  await press(page, 'Join the line', 'Enter');
  await headline(page, 'You are in.');
  seen.lobby = await page.locator('#screen').innerText();
  await step(page, 'lobby');

  await phase(drawnEvent, 'open');
  await page.locator('.line .digits').waitFor(PATIENCE);
  seen.first = await digits(page);
  await press(page, 'How the places were drawn', 'Enter');
  await press(page, 'Work it out here', 'Enter');
  const outcome = page.locator('dialog .note', { hasText: /right|not come out|https/ });
  await outcome.waitFor(PATIENCE);
  seen.draw = await outcome.innerText();
  await step(page, 'draw');
  await page.keyboard.press('Escape');

  const second = await open(context, `${url}/e/${drawnEvent}`);
  await second.locator('.line .digits').waitFor(PATIENCE);
  seen.secondTab = await digits(second);

  await phase(drawnEvent, 'paused');
  for (const tab of [page, second]) {
    await headline(tab, 'paused');
  }
  seen.paused = { number: await digits(page), title: await page.title() };
  await step(page, 'paused');
  await phase(drawnEvent, 'open');
  await page.locator('.line[data-state=waiting]').waitFor(PATIENCE);
  seen.goesOn = await page.locator('#polite').innerText();

  await cut();
  await page.locator('.link', { hasText: 'Reconnecting' }).waitFor(PATIENCE);
  seen.away = { number: await digits(page), said: await page.locator('.link').innerText() };
  await step(page, 'away');
  for (const other of others) {
    await call('DELETE', `${places(drawnEvent)}/me`, other);
  }
  await mend();
  for (const tab of [page, second]) {
    await headline(tab, 'You are next.');
    await tab.locator('.line[data-link=live]').waitFor(PATIENCE);
  }
  seen.back = { number: await digits(page), said: await page.locator('.link').innerText() };
  await step(page, 'back');
  await second.close();
  await page.close();
}

/** Somebody before us takes the last coupon. */
async function lastCoupon(context, url) {
  const first = await enter(lastEvent);
  const page = await open(context, `${url}/e/${lastEvent}`);
  await press(page, 'Join the line', 'Enter');
  await page.locator('.line .digits').waitFor(PATIENCE);
  seen.behind = await digits(page);
  await call('PATCH', `${opsUrl}/api/v1/admin/events/${lastEvent}/admission`, token, { rate_per_s: 10 });
  let place = null;
  do {
    await new Promise((done) => setTimeout(done, 100));
    place = await call('GET', `${places(lastEvent)}/me`, first);
  } while (!place.ticket);
  await call('POST', `${publicUrl}/api/v1/events/${lastEvent}/redemptions`, place.ticket, { place_token: first });
  await headline(page, 'is gone');
  seen.soldOut = await page.locator('#screen').innerText();
  seen.soldOutTitle = await page.title();
  await step(page, 'sold-out');
  await page.reload();
  await headline(page, 'is gone');
  await page.close();
}

await walking(async () => {
  const link = await way();
  const context = await browser('phone', PHONE);
  try {
    await standing(context, link);
    await lastCoupon(context, link.url);
    console.log(JSON.stringify(seen));
  } finally {
    await context.close();
    await link.cut();
  }
});
