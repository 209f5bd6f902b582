/** Pools: named sets of users that coupons are dealt to. */

import { h, say, show } from '../element';
import { ask } from './ask';
import { type Pool, PoolCalls } from './books-api';
import type { Desk, Part } from './desk';
import { field } from './fields';
import { notes } from './notes';
import { openById } from './open-by-id';
import { table } from './table';

/** Most users of one call. */
const AT_ONCE = 1000;

export function poolsScreen(desk: Desk): Part {
  const { pools: words } = desk.words;
  const row = { id: ({ pool }: Pool) => pool, cells: ({ title, members }: Pool) => [title, desk.n(members)] };
  return { root: openById(desk, 'pools', words, row), paint() {} };
}

/** Ids as people paste them: one a line, or parted by commas. */
export function idsFrom(text: string): string[] {
  return text
    .split(/[\r\n,]+/)
    .map((id) => id.trim())
    .filter((id) => id !== '');
}

export function poolScreen(desk: Desk, id: string): Part {
  const { pool: words, move } = desk.words;
  const calls = new PoolCalls(desk.ops.credential, id);
  const title = h('p', { class: 'figure' });
  const { said, error } = notes();
  const members = table<{ user_id: string }>(desk, {
    columns: [words.user],
    none: words.empty,
    read: (after) => calls.members(after),
    cells: ({ user_id }) => [user_id],
  });
  const inside = h('section', { class: 'panel' }, h('h2', {}, words.members), title, members.root);
  const changes = changeMembers(desk, calls, async (n, into) => {
    say(said, (into ? words.added : words.taken)(desk.n(n)));
    await read();
  });
  const rename = naming(desk, calls, (pool) => hear(pool));
  const remove = h('button', { type: 'button', class: 'grave' }, words.remove.button);
  remove.addEventListener('click', async () => {
    const { question, text, yes } = words.remove;
    if (await ask({ question: question(id), text, yes, no: move.no, grave: true })) {
      const reply = await calls.remove();
      say(error, desk.failure(reply));
      location.hash = reply.ok ? '#/pools' : location.hash;
    }
  });

  async function hear(pool: Pool | null): Promise<void> {
    for (const part of [inside, changes, remove]) {
      show(part, pool !== null && (part === inside || desk.admin));
    }
    show(rename, desk.admin);
    say(title, pool === null ? '' : words.count(pool.title, desk.n(pool.members)));
    if (pool !== null) {
      await members.read();
    }
  }
  async function read(): Promise<void> {
    const reply = await calls.get();
    const gone = !reply.ok && reply.problem === 'no-such-pool';
    say(error, gone ? (desk.admin ? words.makeIt : words.gone) : desk.failure(reply));
    if (reply.ok || gone) {
      await hear(reply.ok ? reply.body : null);
    }
  }
  void read();
  const head = h('div', { class: 'row spread' }, h('h1', { tabindex: -1 }, id), remove);
  return {
    root: h(
      'section',
      { class: 'narrow' },
      h('p', {}, h('a', { href: '#/pools' }, words.back)),
      head,
      said,
      error,
      inside,
      changes,
      rename,
    ),
    paint() {},
  };
}

/** Many users into the pool, or out of it, so many a call. */
function changeMembers(desk: Desk, calls: PoolCalls, done: (n: number, into: boolean) => Promise<void>): HTMLElement {
  const { pool: words } = desk.words;
  const error = h('p', { class: 'error', role: 'alert' });
  const text = h('textarea', { id: 'ids', rows: 6, required: true, spellcheck: 'false' });
  const [add, out] = [
    h('button', { class: 'primary', value: 'in' }, words.add),
    h('button', { value: 'out' }, words.out),
  ];
  const form = h(
    'form',
    { class: 'panel fields' },
    h('label', { for: 'ids' }, words.ids),
    text,
    error,
    h('div', { class: 'row' }, add, out),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const into = (event.submitter as HTMLButtonElement | null)?.value !== 'out';
    const ids = idsFrom(text.value);
    add.disabled = out.disabled = true;
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const some = ids.slice(from, from + AT_ONCE);
      const reply = await (into ? calls.add(some) : calls.takeOut(some));
      say(error, desk.failure(reply));
      if (!reply.ok) {
        // What was not sent stays in the field, to be sent again.
        text.value = ids.slice(from).join('\n');
        add.disabled = out.disabled = false;
        return;
      }
    }
    add.disabled = out.disabled = false;
    text.value = '';
    await done(ids.length, into);
  });
  return form;
}

function naming(desk: Desk, calls: PoolCalls, done: (pool: Pool) => Promise<void>): HTMLElement {
  const { pool: words } = desk.words;
  const error = h('p', { class: 'error', role: 'alert' });
  const form = h(
    'form',
    { class: 'panel fields' },
    field('title', words.title, '', { required: true, maxlength: 200, autocomplete: 'off' }),
    error,
    h('button', {}, words.name),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const reply = await calls.put(String(new FormData(form).get('title')));
    say(error, desk.failure(reply));
    if (reply.ok) {
      form.reset();
      await done(reply.body);
    }
  });
  return form;
}
