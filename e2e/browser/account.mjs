// Walks through the account page and the console's rooms in a real browser, against a real server: sign up, get two coupons, lock
// one and use it with the keyboard alone while another tab looks on, keep the session in two tabs that come back at the same time;
// then staff signs in by account, looks at a file of codes that cannot be taken, loads one that can, and takes a coupon back; has codes
// made and dealt to a pool, makes an event that is drawn and opens by itself, changes it, and looks at the accounts and at the page of the API.
// Pictures of each step go to e2e/screenshots.
//
//   node account.mjs <public url> <ops url> <book> <staff's e-mail> <password>
//
// The book has codes. Prints one JSON object of what was seen; the caller judges it.

import { readFileSync } from 'node:fs';
import { browser, picture, press, walking, watch } from './chromium.mjs';

const [publicUrl, opsUrl, book, staff, password] = process.argv.slice(2);
const seen = { complaints: [] };
/** For what a busy machine may take its time over. */
const LONG = { timeout: 60_000 };

/** A call from outside the browser. */
async function call(path, body, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const reply = await fetch(`${publicUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!reply.ok) {
    throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  }
  return reply.json();
}

/** A page of this context at the account page. */
async function open(context) {
  const page = await context.newPage();
  watch(page, seen.complaints);
  await page.goto(`${publicUrl}/account`);
  return page;
}

const badge = (page) => page.locator('.wallet .badge').first();

/** Waits until the first coupon says this. */
const says = (page, state) => page.locator('.wallet .badge').first().filter({ hasText: state }).waitFor();

async function wallet() {
  const context = await browser('wallet');
  const page = await open(context);
  const email = 'ana@example.org';
  await press(page, 'I have no account yet', 'Enter');
  await page.locator('#email').fill(email);
  await page.locator('#password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByText('No coupon yet').waitFor();
  await picture(page, 'account-empty');

  const { access_token } = await call('/api/v1/sessions', { email, password });
  await call(`/api/v1/books/${book}/assignments`, { count: 2 }, access_token);
  await page.reload();
  await badge(page).waitFor();
  seen.coupons = await page.locator('.wallet li').count();
  seen.before = await badge(page).innerText();
  const head = await page.locator('.coupon-head').first().innerText();
  seen.code = head.split('\n')[0];
  await page.locator('.coupon-head').first().focus();
  await page.keyboard.press('Enter');
  await press(page, 'Lock for the till', 'Enter');
  await says(page, 'Locked');
  seen.locked = await page.locator('.left').first().innerText();
  await picture(page, 'account-locked');

  const second = await open(context);
  await second.locator('.coupon-head').first().click();
  await second.locator('.left', { hasText: 'somewhere else' }).first().waitFor();
  seen.elsewhere = await second.getByRole('button', { name: 'Use it now' }).isVisible();

  // The lock is still this tab's after a reload, and both tabs renew their session at the same time.
  await Promise.all([page.reload(), second.reload()]);
  await Promise.all([badge(page).waitFor(), badge(second).waitFor()]);
  await page.locator('.coupon-head').first().focus();
  await page.keyboard.press('Enter');
  await press(page, 'Use it now', 'Enter');
  await press(page, 'Use it', 'Enter');
  await says(page, 'Used');
  seen.told = await page.locator('#polite').innerText();
  await picture(page, 'account-used');
  await second.reload();
  await says(second, 'Used');
  const stored = () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]);
  seen.stored = (await page.evaluate(stored)) + (await second.evaluate(stored));

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('form.sign').waitFor();
  await second.reload();
  await second.locator('form.sign').waitFor();
  await context.close();
}

/** Chooses a file of codes and has it looked at. */
async function look(page, codes) {
  await page.setInputFiles('#file', { name: 'codes.csv', mimeType: 'text/csv', buffer: Buffer.from(codes) });
  await page.getByRole('button', { name: 'Look at it' }).click();
}

async function consoleRooms() {
  const context = await browser('staff');
  const page = await context.newPage();
  watch(page, seen.complaints);
  await page.goto(`${opsUrl}/`);
  await press(page, 'Sign in with an account instead', 'Enter');
  await page.locator('#email').fill(staff);
  await page.locator('#password').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('nav').waitFor();
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  await page.goto(`${opsUrl}/#/books/${book}`);
  await page.locator('.list').first().waitFor();

  await look(page, `code\nFRESH-1\n${seen.code}\nwith a space\n`);
  await page.locator('.error', { hasText: 'cannot be taken' }).waitFor();
  seen.rejected = await page.locator('[role=region] tbody tr').allInnerTexts();
  await picture(page, 'console-rejected');
  await look(page, 'code\nFRESH-1\nFRESH-2\n');
  await page.locator('.said', { hasText: '2 codes can be taken' }).waitFor();
  await page.getByRole('button', { name: 'Load', exact: true }).click();
  await page.locator('.said', { hasText: '2 codes are in the book' }).waitFor();

  await page.getByRole('button', { name: /^Take back/ }).first().click();
  await page.locator('#reason').fill('lost at the till');
  await page.keyboard.press('Enter');
  await page.locator('.said', { hasText: 'is taken back' }).waitFor();
  seen.takenBack = await page.locator('.said', { hasText: 'is taken back' }).innerText();
  await page.locator('.list td', { hasText: 'lost at the till' }).waitFor();
  await picture(page, 'console-book');

  await level(page);
  await jobs(page);
  await newEvent(page);

  await page.getByRole('link', { name: 'Accounts' }).click();
  await page.locator('.list th', { hasText: 'ana@example.org' }).waitFor();
  seen.role = await page.getByRole('combobox', { name: 'Role: ana@example.org' }).inputValue();
  await picture(page, 'console-accounts');

  await page.getByRole('link', { name: 'Audit' }).click();
  await page.locator('.list td', { hasText: 'account made' }).first().waitFor();
  await page.reload();
  await page.locator('nav').waitFor();
  await operator(page);

  await page.goto(`${publicUrl}/docs`);
  seen.docs = await page.locator('h1').innerText();
  seen.docsWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await picture(page, 'docs');
  await context.close();
}

/** The book gets an ack level of its own; the rest of its rules stay. */
async function level(page) {
  const inForce = page.locator('.rules div', { hasText: 'A step is told when it is' }).locator('dd');
  seen.level = await inForce.innerText();
  await page.locator('#ack').selectOption('redis');
  await page.getByRole('button', { name: 'Change the rules' }).click();
  await inForce.filter({ hasText: 'in Redis' }).waitFor();
}

/** An operator on a phone: what the role does not allow is not offered, and a pause takes the keyboard alone. */
async function operator(page) {
  const email = 'olga@example.org';
  await page.getByRole('link', { name: 'Accounts' }).click();
  await page.locator('summary', { hasText: 'New account' }).click();
  await page.locator('#email').fill(email);
  await page.locator('#password').fill(password);
  await page.locator('#role').selectOption('operator');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.locator('.said', { hasText: email }).waitFor();

  const context = await browser('operator', { viewport: { width: 360, height: 740 } });
  const phone = await context.newPage();
  watch(phone, seen.complaints);
  await phone.goto(`${opsUrl}/#/events/spring-drop`);
  await press(phone, 'Sign in with an account instead', 'Enter');
  await phone.locator('#email').fill(email);
  await phone.locator('#password').fill(password);
  await phone.keyboard.press('Enter');
  const open = phone.getByRole('button', { name: 'Open…', exact: true });
  await open.waitFor();
  const controls = await phone.locator('main button:visible, main input:visible').all();
  seen.operator = {
    rooms: await phone.locator('nav a').allInnerTexts(),
    first: await controls[0].innerText(),
    onFirstScreen: (await open.boundingBox()).y < 740,
    offered: await phone.getByRole('button', { name: /^(Add…|Change…)$/ }).filter({ visible: true }).count(),
  };
  await picture(phone, 'phone-operator');
  await press(phone, 'Open…', 'Enter');
  await phone.getByRole('dialog').getByRole('button', { name: 'Open', exact: true }).click();
  await phone.locator('.banner .phase', { hasText: 'Open' }).waitFor();
  await press(phone, 'Pause…', 'Enter');
  await phone.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
  await phone.locator('.banner .phase', { hasText: 'Paused' }).waitFor();
  await phone.goto(`${opsUrl}/#/accounts`);
  await phone.locator('h1', { hasText: 'Your role does not allow this' }).waitFor();
  seen.operator.fields = await phone.locator('main input, main button').count();
  await context.close();
}

/** Codes are made, then dealt to a pool of two; the page says how each of the two jobs came out. */
async function jobs(page) {
  await page.locator('#count').fill('3');
  await page.getByRole('button', { name: 'Make the codes' }).click();
  await page.locator('.said', { hasText: '3 codes are in the book' }).waitFor(LONG);

  await page.goto(`${opsUrl}/#/pools/gold`);
  await page.getByText('There is no pool with this id yet').waitFor();
  await page.locator('#title').fill('Gold customers');
  await page.getByRole('button', { name: 'Save the title' }).click();
  await page.locator('#ids').fill('kim\nlee');
  await page.getByRole('button', { name: 'Put in' }).click();
  await page.locator('.said', { hasText: '2 users are in the pool' }).waitFor();
  await picture(page, 'console-pool');

  await page.goto(`${opsUrl}/#/books/${book}`);
  await page.locator('#pool').fill('gold');
  await page.getByRole('button', { name: 'Deal them' }).click();
  const dealt = page.locator('.said', { hasText: 'went to' });
  await dealt.waitFor(LONG);
  seen.dealt = await dealt.innerText();
  seen.used = await page.locator('.banner div', { hasText: 'redeemed' }).locator('dd').innerText();
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the report' }).click();
  seen.report = JSON.parse(readFileSync(await (await saving).path(), 'utf8'));
  await picture(page, 'console-dealt');
}

/** An event that is drawn and opens by itself, long after this test. */
async function newEvent(page) {
  await page.getByRole('link', { name: 'Events' }).click();
  await page.getByRole('link', { name: 'New event' }).click();
  await page.locator('#id').fill('spring-drop');
  await page.locator('#title').fill('Spring drop');
  await page.locator('#phase').selectOption('lobby');
  await page.locator('#order').selectOption('draw');
  await page.locator('#opens_at').fill('2099-03-01T10:00:30');
  await picture(page, 'console-new-event');
  await page.getByRole('button', { name: 'Make the event' }).click();
  await page.locator('.banner .phase', { hasText: 'Lobby' }).waitFor(LONG);
  await page.waitForFunction(() => document.title.startsWith('Spring drop'));
  seen.about = await page.locator('.banner .quiet').first().innerText();
  seen.opensAt = await page.evaluate(() => new Date('2099-03-01T10:00:30').toISOString());
  await picture(page, 'console-lobby');
  await changeEvent(page);
}

/** Another title and an end; one before the opening is refused beside the field, and nothing is changed by halves. */
async function changeEvent(page) {
  const save = page.getByRole('button', { name: 'Save the changes' });
  await page.getByRole('button', { name: 'Change…' }).click();
  await page.locator('#title').fill('Spring drop, first batch');
  await page.locator('#closes_at').fill('2099-03-01T09:00:30');
  await save.click();
  const refused = page.locator('#closes_at-error:not(:empty)');
  await refused.waitFor();
  seen.refused = await refused.innerText();
  seen.refusedAt = await page.evaluate(() => document.activeElement.id);
  seen.titleMeanwhile = await page.locator('.banner h1').innerText();
  await picture(page, 'console-change-refused');
  await page.locator('#closes_at').fill('2099-03-01T11:00:30');
  await save.click();
  await page.locator('.said', { hasText: 'The changes are in force.' }).waitFor();
  await page.locator('.banner h1', { hasText: 'first batch' }).waitFor();
  seen.closesAt = await page.evaluate(() => new Date('2099-03-01T11:00:30').toISOString());
}

await walking(async () => {
  await wallet();
  await consoleRooms();
  console.log(JSON.stringify(seen));
});
