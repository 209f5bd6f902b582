/** The screen of one book: how its coupons stand, its codes, its rules and its history. */

import { h, say, show } from '../element';
import { type Book, BookCalls, STATES } from './books-api';
import { Coupons } from './coupons';
import type { Desk, Part } from './desk';
import { distributionPanel, generatePanel } from './jobs';
import { rulesPanel } from './rules';
import { stepsPanel } from './steps';
import { uploadPanel } from './upload';

/** Title, id, and how many coupons stand where. */
function banner(desk: Desk, id: string): { root: HTMLElement; show(book: Book | null): void } {
  const { states, issuedBy } = desk.words.book;
  const title = h('h1', { tabindex: -1 }, id);
  const small = h('span');
  const line = h('a', { hidden: true });
  const figures = STATES.map((state) => ({ state, value: h('dd') }));
  const list = h('dl', {}, ...figures.map(({ state, value }) => h('div', {}, h('dt', {}, states[state] ?? ''), value)));
  show(list, false);
  return {
    root: h('div', { class: 'banner' }, title, h('p', { class: 'quiet row' }, small, line), list),
    show(book) {
      say(title, book?.title ?? id);
      say(small, book ? id : '');
      const event = book?.event ?? null;
      show(line, event !== null);
      line.href = `#/events/${event}`;
      say(line, issuedBy(event ?? ''));
      show(list, book !== null);
      for (const { state, value } of figures) {
        say(value, desk.n(book?.coupons[state] ?? 0));
      }
    },
  };
}

export function bookScreen(desk: Desk, id: string): Part {
  const { book: words } = desk.words;
  const calls = new BookCalls(desk.ops.credential, id);
  const head = banner(desk, id);
  const none = h('p');
  const error = h('p', { class: 'error', role: 'alert' });
  const coupons = new Coupons(desk, id, calls, () => void read());
  const history = stepsPanel(desk, id, calls);
  const rules = rulesPanel(desk, calls, () => void read());
  const filling = [
    uploadPanel(desk, calls, () => void read()),
    generatePanel(desk, calls, () => void read()),
    distributionPanel(desk, calls, () => void read()),
  ];
  const inside = [coupons.root, history.root];
  const beside = h('div', {}, ...filling, rules.root);
  const main = h('div', {}, h('div', {}, ...inside), desk.admin && beside);

  async function read(): Promise<void> {
    const reply = await calls.get();
    const there = reply.ok || reply.problem !== 'no-such-book';
    say(error, there ? desk.failure(reply) : '');
    say(none, there ? '' : desk.admin ? words.makeIt : words.gone);
    for (const part of [...inside, ...filling]) {
      show(part, there);
    }
    main.className = there ? (desk.admin ? 'columns' : '') : 'one';
    rules.isNew(!there);
    if (reply.ok) {
      head.show(reply.body);
      rules.hold(reply.body);
      await Promise.all([coupons.read(), history.read()]);
    }
  }
  void read();
  return {
    root: h('section', {}, h('p', {}, h('a', { href: '#/books' }, words.back)), head.root, error, none, main),
    paint() {},
  };
}
