/** Accounts and service keys: who may do what, and which programs act for their users. */

import { h, say } from '../element';
import type { Reply } from '../reply';
import type { Account, Role } from '../session';
import type { ServiceKey } from './api';
import { ask } from './ask';
import { type Desk, type Part, timeOf } from './desk';
import { choice, field, tellRefusal } from './fields';
import { notes } from './notes';
import { table } from './table';

const ROLES: Role[] = ['user', 'operator', 'admin'];

function people(desk: Desk): HTMLElement {
  const { accounts: words, move } = desk.words;
  const { said, error } = notes();

  /** Another role ends the account's sessions: asked once. */
  function role(account: Account): HTMLElement {
    const select = h(
      'select',
      { 'aria-label': `${words.role}: ${account.email}` },
      ...ROLES.map((name) => h('option', { value: name, selected: name === account.role }, words.roles[name])),
    );
    select.addEventListener('change', async () => {
      const to = select.value as Role;
      const question = words.change.question(account.email, words.roles[to]);
      const sure = await ask({ question, text: words.change.text, yes: words.change.yes, no: move.no, grave: false });
      const reply = sure ? await desk.ops.changeAccount(account.account_id, { role: to }) : null;
      say(error, reply ? desk.failure(reply) : '');
      if (reply?.ok) {
        say(said, words.changed(account.email, words.roles[to]));
      }
      await list.read();
    });
    return select;
  }

  const find = h('input', { id: 'find', type: 'search', maxlength: 254, autocomplete: 'off' });
  const list = table<Account>(desk, {
    columns: [words.email, words.name, words.role, words.since, words.act],
    none: words.none,
    read: (after) => desk.ops.accounts(after, find.value.trim()),
    cells: (account) => [
      account.email,
      account.name ?? '–',
      role(account),
      timeOf(account.created_at, desk.at || Date.now(), desk.language),
      away(desk, account, async (reply) => {
        say(error, desk.failure(reply));
        say(said, reply.ok ? words.removed(account.email) : '');
        await list.read();
      }),
    ],
  });
  void list.read();
  const make = newAccount(desk, async (email) => {
    say(said, words.made(email));
    await list.read();
  });
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, words.people),
    finder(desk, find, () => void list.read()),
    said,
    error,
    list.root,
    make,
  );
}

function away(desk: Desk, account: Account, heard: (reply: Reply<unknown>) => Promise<void>): HTMLElement {
  const { accounts: words, move } = desk.words;
  const label = `${words.remove.button} ${account.email}`;
  const button = h('button', { type: 'button', class: 'grave', 'aria-label': label }, words.remove.button);
  button.addEventListener('click', async () => {
    const { question, text, yes } = words.remove;
    if (await ask({ question: question(account.email), text, yes, no: move.no, grave: true })) {
      await heard(await desk.ops.deleteAccount(account.account_id));
    }
  });
  return button;
}

function finder({ words }: Desk, find: HTMLInputElement, search: () => void): HTMLElement {
  const form = h(
    'form',
    { class: 'setting', role: 'search' },
    h('label', { for: 'find' }, words.accounts.find),
    h('div', { class: 'row' }, find, h('button', {}, words.accounts.search)),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
  return form;
}

function newAccount(desk: Desk, made: (email: string) => Promise<void>): HTMLElement {
  const { accounts: words } = desk.words;
  const error = h('p', { class: 'error', role: 'alert' });
  const password = { type: 'password', minlength: 10, maxlength: 128, required: true, autocomplete: 'new-password' };
  const form = h(
    'form',
    { class: 'fields' },
    field('email', words.email, '', { type: 'email', required: true, maxlength: 254, autocomplete: 'off' }),
    field('password', words.password, words.passwordHint, password),
    choice(
      'role',
      words.role,
      ROLES.map((name) => [name, words.roles[name]]),
      words.roleHint,
    ),
    error,
    h('button', { class: 'primary' }, words.make),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const told = new FormData(form);
    const email = String(told.get('email'));
    const reply = await desk.ops.makeAccount(email, String(told.get('password')), told.get('role') as Role);
    tellRefusal(desk, form, error, reply);
    if (reply.ok) {
      form.reset();
      await made(email);
    }
  });
  return h('details', {}, h('summary', {}, words.new), form);
}

function programs(desk: Desk): HTMLElement {
  const { serviceKeys: words, move } = desk.words;
  const { said, error } = notes();

  function end(key: ServiceKey): HTMLElement {
    const label = `${words.end.button} ${key.name}`;
    const button = h('button', { type: 'button', class: 'grave', 'aria-label': label }, words.end.button);
    button.addEventListener('click', async () => {
      const { question, text, yes } = words.end;
      if (await ask({ question: question(key.name), text, yes, no: move.no, grave: true })) {
        const reply = await desk.ops.deleteServiceKey(key.id);
        say(error, desk.failure(reply));
        say(said, reply.ok ? words.ended(key.name) : '');
        await list.read();
      }
    });
    return button;
  }

  const list = table<ServiceKey>(desk, {
    columns: [words.name, words.id, words.books, words.since, words.act],
    none: words.none,
    read: (after) => desk.ops.serviceKeys(after),
    cells: (key) => [
      key.name,
      h('code', {}, key.id),
      key.books.join(', '),
      timeOf(key.created_at, desk.at || Date.now(), desk.language),
      end(key),
    ],
  });
  void list.read();
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, words.headline),
    h('p', { class: 'quiet' }, words.about),
    said,
    error,
    list.root,
    newKey(desk, () => list.read()),
  );
}

/** The answer is the only place that ever shows the key: it stays on the screen until the next one is made. */
function newKey(desk: Desk, made: () => Promise<void>): HTMLElement {
  const { serviceKeys: words } = desk.words;
  const error = h('p', { class: 'error', role: 'alert' });
  const shown = h('output', { class: 'secret' });
  const form = h(
    'form',
    { class: 'fields' },
    field('key-name', words.name, '', { required: true, maxlength: 200, autocomplete: 'off' }),
    field('key-books', words.books, words.booksHint, { required: true, autocomplete: 'off' }),
    error,
    h('button', { class: 'primary' }, words.make),
    shown,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const told = new FormData(form);
    const books = String(told.get('key-books'))
      .split(/[\s,]+/)
      .filter(Boolean);
    const reply = await desk.ops.makeServiceKey(String(told.get('key-name')), books);
    say(error, desk.failure(reply));
    if (reply.ok) {
      form.reset();
      shown.replaceChildren(h('strong', {}, words.once), h('code', {}, reply.body.key));
      await made();
    }
  });
  return h('details', {}, h('summary', {}, words.new), form);
}

export function accountsScreen(desk: Desk): Part {
  return {
    root: h('section', {}, h('h1', { tabindex: -1 }, desk.words.accounts.headline), people(desk), programs(desk)),
    paint() {},
  };
}
