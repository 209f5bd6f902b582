/** One number that operators set: what is in force, what is being typed, and what others did meanwhile. */

import { h, say, show } from '../element';
import type { Reply } from '../reply';
import type { Desk, Part } from './desk';

export interface SettingOf {
  id: string;
  label: string;
  least: number;
  most: number;
  step: string;
  inForce(): number | null;
  /** What is in force at present, where that is another than what was set. */
  now?(): number | undefined;
  change(value: number): Promise<Reply<unknown>>;
  changed(): void;
}

/** What the field is doing: following what is in force, or holding what was typed over `basis`. */
export type Draft = { is: 'following' } | { is: 'typed'; basis: number };

/** Is what was typed about to replace somebody else's change? */
export function conflicts(draft: Draft, inForce: number): boolean {
  return draft.is === 'typed' && draft.basis !== inForce;
}

export class Setting implements Part {
  readonly field: HTMLInputElement;
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #of: SettingOf;
  readonly #force = h('span', { class: 'force' });
  readonly #note = h('p', { class: 'warning', role: 'status' });
  readonly #error = h('p', { class: 'error', role: 'alert' });
  readonly #submit = h('button', { class: 'primary' });
  readonly #drop: HTMLElement;
  #draft: Draft = { is: 'following' };

  /** `beside` stands next to the field, `below` under it. */
  constructor(desk: Desk, of: SettingOf, beside: HTMLElement[] = [], below: HTMLElement[] = []) {
    this.#desk = desk;
    this.#of = of;
    const { id, label, least, most, step } = of;
    this.field = h('input', { id, type: 'number', min: least, max: most, step, required: true });
    this.#drop = h('button', { type: 'button', click: () => this.#follow() }, desk.words.pace.drop);
    this.root = h(
      'form',
      { class: 'setting' },
      h('label', { for: id }, label),
      this.#force,
      h('div', { class: 'row' }, this.field, ...beside),
      ...below,
      this.#note,
      h('div', { class: 'row actions' }, this.#submit, this.#drop),
      this.#error,
    );
    this.field.addEventListener('input', () => this.#hold());
    this.root.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.set(this.field.valueAsNumber);
    });
  }

  /** Puts a value into the field, as if it had been typed. */
  type(value: number): void {
    this.#hold();
    this.field.value = String(value);
    this.paint();
  }

  /** Sets a value now. */
  async set(value: number): Promise<void> {
    const reply = await this.#of.change(value);
    say(this.#error, this.#desk.failure(reply));
    if (reply.ok) {
      this.#draft = { is: 'following' };
      this.#of.changed();
    }
  }

  paint(): void {
    const inForce = this.#of.inForce();
    if (inForce === null) {
      return;
    }
    const { desk, draft } = { desk: this.#desk, draft: this.#draft };
    const { pace } = desk.words;
    if (draft.is === 'following' && this.field.valueAsNumber !== inForce) {
      this.field.value = String(inForce);
    }
    const typed = this.field.valueAsNumber;
    const clash = conflicts(draft, inForce);
    const shown = draft.is === 'typed' && (clash || typed !== inForce);
    say(this.#force, pace.force(desk.r(this.#of.now?.() ?? inForce)));
    say(this.#note, clash && draft.is === 'typed' ? pace.moved(desk.r(draft.basis), desk.r(inForce)) : '');
    say(this.#submit, (clash ? pace.over : pace.set)(Number.isNaN(typed) ? '…' : desk.r(typed)));
    show(this.#submit, shown);
    show(this.#drop, shown);
  }

  #follow(): void {
    this.#draft = { is: 'following' };
    this.paint();
  }

  #hold(): void {
    const inForce = this.#of.inForce();
    if (this.#draft.is === 'following' && inForce !== null) {
      this.#draft = { is: 'typed', basis: inForce };
    }
    this.paint();
  }
}
