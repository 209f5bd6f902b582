/** The screen of one book: its coupons, its codes, its rules and its history. */

import { h, say, show } from '../element';
import { BookCalls } from './books-api';
import { Coupons } from './coupons';
import type { Desk, Part } from './desk';
import { distributionPanel, generatePanel } from './jobs';
import { rulesPanel } from './rules';
import { stepsPanel } from './steps';
import { uploadPanel } from './upload';

export function bookScreen(desk: Desk, id: string): Part {
  const { book: words } = desk.words;
  const calls = new BookCalls(desk.ops.credential, id);
  const none = h('p', {}, '');
  const coupons = new Coupons(desk, id, calls, () => void history.read());
  const history = stepsPanel(desk, id, calls);
  const rules = rulesPanel(desk, calls, () => void read());
  const filling = [
    uploadPanel(desk, calls, () => void coupons.read()),
    generatePanel(desk, calls, () => void coupons.read()),
    distributionPanel(desk, calls, () => void read()),
  ];
  const inside = [coupons.root, history.root];
  const beside = h('div', {}, ...filling, rules.root);
  const main = h('div', {}, h('div', {}, ...inside), desk.admin && beside);

  async function read(): Promise<void> {
    const there = await coupons.read();
    say(none, there ? '' : desk.admin ? words.makeIt : words.gone);
    for (const part of [...inside, ...filling]) {
      show(part, there);
    }
    main.className = there && desk.admin ? 'columns' : 'one';
    rules.isNew(!there);
    if (there) {
      await history.read();
    }
  }
  void read();
  return {
    root: h(
      'section',
      {},
      h('p', {}, h('a', { href: '#/books' }, words.back)),
      h('h1', { tabindex: -1 }, id),
      none,
      main,
    ),
    paint() {},
  };
}
