/** The way to a book. */

import type { Book } from './books-api';
import type { Desk, Part } from './desk';
import { openById } from './open-by-id';

export function booksScreen(desk: Desk): Part {
  const { books: words } = desk.words;
  const row = { id: ({ book }: Book) => book, cells: ({ title }: Book) => [title] };
  return { root: openById(desk, 'books', words, row), paint() {} };
}
