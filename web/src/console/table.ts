/** A list of the API as a table, read on by key. */

import { h, say, show } from '../element';
import type { Reply } from '../reply';
import type { List } from './api';
import type { Desk } from './desk';

export interface TableOf<T> {
  columns: string[];
  /** What is said when the list is empty. */
  none: string;
  read(after: string | null): Promise<Reply<List<T>>>;
  /** The cells of a row, one a column; the first one names the row. */
  cells(item: T): (Node | string)[];
  /** Hears every first page. */
  heard?(items: T[]): void;
}

export interface Table {
  root: HTMLElement;
  /** Reads the list from its beginning. */
  read(): Promise<void>;
}

export function table<T>(desk: Desk, { columns, none, read, cells, heard }: TableOf<T>): Table {
  const body = h('tbody');
  const empty = h('p', { class: 'quiet' }, none);
  const error = h('p', { class: 'error', role: 'alert' });
  const more = h('button', { type: 'button', click: () => void load(next) }, desk.words.table.more);
  const head = h('tr', {}, ...columns.map((name) => h('th', { scope: 'col' }, name)));
  const whole = h('table', { class: columns.length > 3 ? 'list' : 'list few' }, h('thead', {}, head), body);
  let next: string | null = null;
  /** An answer that was overtaken by a later question is not shown. */
  let asked = 0;

  const row = (item: T) =>
    h(
      'tr',
      {},
      ...cells(item).map((cell, i) =>
        i === 0
          ? h('th', { scope: 'row', 'data-label': columns[i] ?? '' }, cell)
          : h('td', { 'data-label': columns[i] ?? '' }, cell),
      ),
    );

  async function load(after: string | null): Promise<void> {
    asked += 1;
    const question = asked;
    const reply = await read(after);
    if (question !== asked) {
      return;
    }
    say(error, desk.failure(reply));
    if (!reply.ok) {
      return;
    }
    const rows = reply.body.items.map(row);
    const stood = root.contains(document.activeElement);
    if (after === null) {
      body.replaceChildren(...rows);
      heard?.(reply.body.items);
    } else {
      body.append(...rows);
    }
    next = reply.body.next;
    show(more, next !== null);
    show(whole, body.childElementCount > 0);
    show(empty, body.childElementCount === 0);
    // A keyboard that stood in what went goes on at the table.
    if (stood && !root.contains(document.activeElement)) {
      root.focus();
    }
  }
  show(more, false);
  show(empty, false);
  show(whole, false);
  const root = h('div', { tabindex: -1 }, h('div', { class: 'scroll' }, whole), empty, error, more);
  return { root, read: () => load(null) };
}
