/** The way to a book. */

import { h } from '../element';
import type { Listed } from './books-api';
import type { Desk, Part } from './desk';
import { openById } from './open-by-id';

export function booksScreen(desk: Desk): Part {
  const { books: words } = desk.words;
  const row = {
    id: ({ book }: Listed) => book,
    cells: ({ title, event }: Listed) => [title, event === null ? '–' : h('a', { href: `#/events/${event}` }, event)],
  };
  return { root: openById(desk, 'books', words, row), paint() {} };
}
