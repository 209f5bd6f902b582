/** The way to a book. */

import type { Desk, Part } from './desk';
import { openById } from './open-by-id';

export function booksScreen(desk: Desk): Part {
  return { root: openById('books', desk.words.books), paint() {} };
}
