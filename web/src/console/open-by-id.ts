/** The way to a book or a pool: out of the list, or by its id. */

import { h } from '../element';
import { listed } from './books-api';
import type { Desk } from './desk';
import { table } from './table';

export interface WayIn {
  headline: string;
  about: string;
  id: string;
  button: string;
  none: string;
  columns: string[];
}

/** `cells`: what a row shows beside its id. */
export function openById<T>(
  desk: Desk,
  room: 'books' | 'pools',
  words: WayIn,
  { id, cells }: { id(item: T): string; cells(item: T): (Node | string)[] },
): HTMLElement {
  const field = h('input', { id: 'open', required: true, autocomplete: 'off', spellcheck: 'false' });
  const form = h(
    'form',
    { class: 'setting' },
    h('label', { for: 'open' }, words.id),
    h('div', { class: 'row' }, field, h('button', { class: 'primary' }, words.button)),
  );
  const path = (id: string) => `#/${room}/${encodeURIComponent(id)}`;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = path(field.value.trim());
  });
  const list = table<T>(desk, {
    columns: words.columns,
    none: words.none,
    read: (after) => listed(desk.ops.credential, room, after),
    cells: (item) => [h('a', { href: path(id(item)) }, id(item)), ...cells(item)],
  });
  void list.read();
  return h(
    'section',
    { class: 'narrow' },
    h('h1', { tabindex: -1 }, words.headline),
    h('p', { class: 'quiet' }, words.about),
    h('div', { class: 'panel' }, form),
    h('div', { class: 'panel' }, list.root),
  );
}
