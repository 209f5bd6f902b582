/** The way to a book. */

import type { Listed } from './books-api';
import type { Desk, Part } from './desk';
import { openById } from './open-by-id';

export function booksScreen(desk: Desk): Part {
  const { books: words } = desk.words;
  const row = { id: ({ book }: Listed) => book, cells: ({ title }: Listed) => [title] };
  return { root: openById(desk, 'books', words, row), paint() {} };
}
