/** The messages that could not be made rows: sent again after a mend, or given up. */

import { h, say } from '../element';
import type { Letter, WholeLetter } from './api';
import { ask } from './ask';
import { type Desk, type Part, timeOf } from './desk';
import { notes } from './notes';
import { type Table, table } from './table';

/** The message itself and what was done about it. */
function open(desk: Desk, letter: WholeLetter): void {
  const { letters: words, keys } = desk.words;
  const done = letter.decisions.map(({ at, by, action, note }) =>
    h(
      'li',
      {},
      [timeOf(at, desk.at || Date.now(), desk.language), desk.who(by), words.actions[action] ?? action, note]
        .filter(Boolean)
        .join(' · '),
    ),
  );
  const dialog = h(
    'dialog',
    { class: 'wide', 'aria-labelledby': 'letter' },
    h('h2', { id: 'letter' }, words.one(String(letter.id))),
    h('p', { class: 'error' }, letter.reason),
    h('pre', { tabindex: 0 }, letter.payload),
    done.length > 0 && h('ol', {}, ...done),
    h('form', { method: 'dialog' }, h('button', { autofocus: true }, keys.close)),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

class Letters {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #notes = notes();
  readonly #list: Table;

  constructor(desk: Desk) {
    const { letters: words } = desk.words;
    this.#desk = desk;
    this.#list = table<Letter>(desk, {
      columns: [words.number, words.at, words.event, words.reason, words.from, words.act],
      none: words.none,
      read: (after) => desk.ops.letters(after),
      cells: (letter) => [
        String(letter.id),
        timeOf(letter.at, desk.at || Date.now(), desk.language),
        letter.event ?? '–',
        letter.reason,
        `${letter.topic} ${letter.partition} @ ${letter.offset}`,
        this.#acts(letter),
      ],
    });
    const headline = h('h1', { tabindex: -1 }, words.headline);
    const about = h('p', { class: 'quiet' }, words.about);
    this.root = h('section', {}, headline, about, this.#notes.said, this.#notes.error, this.#list.root);
    void this.#list.read();
  }

  #acts(letter: Letter): HTMLElement {
    const { letters: words } = this.#desk.words;
    const one = words.one(String(letter.id));
    const button = (label: string, act: (pressed: HTMLButtonElement) => Promise<void>, grave = false) => {
      const made = h('button', { type: 'button', 'aria-label': `${label} ${one}`, class: grave ? 'grave' : '' }, label);
      made.addEventListener('click', () => void act(made));
      return made;
    };
    return h(
      'div',
      { class: 'row' },
      button(words.show, () => this.#show(letter)),
      this.#desk.admin && button(words.redrive, (pressed) => this.#settle(letter, 'redrive', pressed)),
      this.#desk.admin && button(words.discard.button, (pressed) => this.#settle(letter, 'discard', pressed), true),
    );
  }

  async #show(letter: Letter): Promise<void> {
    const reply = await this.#desk.ops.letter(letter.id);
    say(this.#notes.error, this.#desk.failure(reply));
    if (reply.ok) {
      open(this.#desk, reply.body);
    }
  }

  async #settle(letter: Letter, how: 'redrive' | 'discard', pressed: HTMLButtonElement): Promise<void> {
    const { letters: words, move } = this.#desk.words;
    const { question, text, yes } = words.discard;
    if (how === 'discard' && !(await ask({ question, text, yes, no: move.no, grave: true }))) {
      return;
    }
    pressed.disabled = true;
    const reply = await this.#desk.ops.settle(letter.id, how);
    pressed.disabled = false;
    const still = !reply.ok && reply.problem === 'still-dead' ? words.still(String(reply.more.reason ?? '')) : '';
    say(this.#notes.error, still || this.#desk.failure(reply));
    say(this.#notes.said, reply.ok ? words.settled[how](String(letter.id)) : '');
    if (reply.ok) {
      await this.#list.read();
    }
  }
}

export function lettersScreen(desk: Desk): Part {
  return { root: new Letters(desk).root, paint() {} };
}
