/** What happened to the coupons of a book: found by any word of it, and to be saved. */

import { h, say } from '../element';
import type { Reply } from '../reply';
import { save } from '../save';
import type { List } from './api';
import type { BookCalls, Step } from './books-api';
import { csv } from './csv';
import { type Desk, timeOf } from './desk';
import { notes } from './notes';
import { type Table, table } from './table';

/** A page while one looks for something, or saves. */
const MANY = '1000';
const COLUMNS = ['at', 'code', 'user_id', 'from', 'to', 'by', 'metadata'] as const;

const metadataOf = ({ metadata }: Step) => (metadata === null ? '' : JSON.stringify(metadata));

/** Does a step speak of what is looked for? Small and capital letters are the same. */
export function speaksOf(step: Step, wanted: string): boolean {
  const said = [step.code, step.user_id, step.from, step.to, step.by, metadataOf(step)].join('\n');
  return said.toLowerCase().includes(wanted.toLowerCase());
}

/** Reads on until something of what is wanted was found, or all was read. */
export async function found(
  read: (after: string | null) => Promise<Reply<List<Step>>>,
  wanted: string,
  from: string | null,
): Promise<Reply<List<Step>>> {
  for (let after = from; ; ) {
    const reply = await read(after);
    if (!reply.ok) {
      return reply;
    }
    const items = reply.body.items.filter((step) => speaksOf(step, wanted));
    if (items.length > 0 || reply.body.next === null) {
      return { ...reply, body: { items, next: reply.body.next } };
    }
    after = reply.body.next;
  }
}

/** The panel of a book's history. */
export function stepsPanel(desk: Desk, book: string, calls: BookCalls): Table {
  const { book: words } = desk.words;
  const { said, error } = notes();
  const find = h('input', { type: 'search', placeholder: words.find, 'aria-label': words.find, maxlength: 200 });
  const wanted = () => find.value.trim();
  const list = table<Step>(desk, {
    columns: [words.at, words.code, words.holder, words.step, words.by, words.metadata],
    none: words.noHistory,
    read: (after) =>
      wanted() === '' ? calls.history(after) : found((from) => calls.history(from, MANY), wanted(), after),
    cells: (step) => [
      timeOf(step.at, desk.at || Date.now(), desk.language),
      h('code', {}, step.code),
      step.user_id,
      `${words.states[step.from] ?? step.from} → ${words.states[step.to] ?? step.to}`,
      desk.who(step.by),
      metadataOf(step),
    ],
  });
  find.addEventListener('change', () => void list.read());
  // The cross in the field is no change to the browser.
  find.addEventListener('search', () => find.value === '' && void list.read());
  const out = h('button', { type: 'button' }, words.export);
  out.addEventListener('click', async () => {
    out.disabled = true;
    await saveSteps(desk, book, calls, wanted(), (told, failed) => {
      say(said, told);
      say(error, failed);
      return root.isConnected;
    });
    out.disabled = false;
  });
  const head = h('div', { class: 'row spread' }, h('h2', {}, words.history), h('div', { class: 'row' }, find, out));
  const root = h('section', { class: 'panel' }, head, said, error, list.root);
  return { root, read: list.read };
}

/** Reads all by key and saves what is looked for. `tell` says how far it is, and whether anybody still waits for it. */
async function saveSteps(
  desk: Desk,
  book: string,
  calls: BookCalls,
  only: string,
  tell: (told: string, failed: string) => boolean,
): Promise<void> {
  const { book: words } = desk.words;
  const lines = [`${COLUMNS.join(',')}\r\n`];
  let [after, written]: [string | null, number] = [null, 0];
  do {
    const reply = await calls.history(after, MANY);
    if (!reply.ok) {
      tell('', desk.failure(reply));
      return;
    }
    const steps = reply.body.items.filter((step) => speaksOf(step, only));
    written += steps.length;
    lines.push(
      csv(
        COLUMNS,
        steps.map((step) => ({ ...step, metadata: metadataOf(step) })),
      ),
    );
    after = reply.body.next;
  } while (tell(words.stepsRead(desk.n(written)), '') && after !== null);
  if (after === null) {
    save(`${book}-history.csv`, new Blob(lines, { type: 'text/csv' }));
    tell(words.stepsSaved(desk.n(written)), '');
  }
}
