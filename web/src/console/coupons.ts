/** The coupons of a book: by state, to be taken back, to be saved. */

import { h, say } from '../element';
import { save } from '../save';
import { askReason } from './ask';
import { type BookCalls, type Coupon, type CouponState, STATES } from './books-api';
import { csv } from './csv';
import { type Desk, timeOf } from './desk';
import { notes } from './notes';
import { type Table, table } from './table';

/** A page of the export. */
const PAGE = '1000';
const COLUMNS = ['code', 'state', 'holder', 'assigned_at', 'locked_until', 'redemptions', 'remaining'] as const;

/** The panel of a book's coupons; `changed` is called when one was taken back. */
export class Coupons {
  readonly root: HTMLElement;
  readonly #desk: Desk;
  readonly #book: string;
  readonly #calls: BookCalls;
  readonly #changed: () => void;
  readonly #notes = notes();
  readonly #filter: HTMLSelectElement;
  readonly #list: Table;

  constructor(desk: Desk, book: string, calls: BookCalls, changed: () => void) {
    const { book: words } = desk.words;
    this.#desk = desk;
    this.#book = book;
    this.#calls = calls;
    this.#changed = changed;
    const states = STATES.map((state) => h('option', { value: state }, words.states[state] ?? state));
    this.#filter = h('select', { 'aria-label': words.filter }, h('option', { value: '' }, words.all), ...states);
    this.#list = this.#table();
    this.#filter.addEventListener('change', () => void this.#list.read());
    const out = h('button', { type: 'button' }, words.export);
    out.addEventListener('click', async () => {
      out.disabled = true;
      await this.#export();
      out.disabled = false;
    });
    const tools = h('div', { class: 'row' }, this.#filter, out);
    const head = h('div', { class: 'row spread' }, h('h2', {}, words.coupons), tools);
    this.root = h('section', { class: 'panel' }, head, this.#notes.said, this.#notes.error, this.#list.root);
  }

  /** Reads the coupons anew. */
  read(): Promise<void> {
    return this.#list.read();
  }

  get #state(): CouponState | null {
    return this.#filter.value === '' ? null : (this.#filter.value as CouponState);
  }

  #table(): Table {
    const { book: words } = this.#desk.words;
    const time = (at: string | null) =>
      at === null ? '–' : timeOf(at, this.#desk.at || Date.now(), this.#desk.language);
    return table<Coupon>(this.#desk, {
      columns: [words.code, words.state, words.holder, words.assigned, words.used, words.act],
      none: words.noCoupons,
      read: (after) => this.#calls.coupons(this.#state, after),
      cells: (coupon) => [
        h('code', {}, coupon.code),
        h('span', { 'data-coupon': coupon.state }, words.states[coupon.state] ?? coupon.state),
        coupon.holder ?? '–',
        time(coupon.assigned_at),
        words.uses(this.#desk.n(coupon.redemptions), this.#desk.n(coupon.redemptions + coupon.remaining)),
        this.#acts(coupon),
      ],
    });
  }

  #acts(coupon: Coupon): Node | string {
    const { cancel } = this.#desk.words.book;
    const held = coupon.state === 'assigned' || coupon.state === 'locked';
    const label = `${cancel.button} ${coupon.code}`;
    return this.#desk.admin && held
      ? h('button', { type: 'button', 'aria-label': label, click: () => void this.#cancel(coupon) }, cancel.button)
      : '';
  }

  async #cancel({ code }: Coupon): Promise<void> {
    const { book: words, move } = this.#desk.words;
    const reason = await askReason({ ...words.cancel, question: words.cancel.question(code), no: move.no });
    if (reason === null) {
      return;
    }
    const reply = await this.#calls.cancel(code, reason);
    say(this.#notes.error, this.#desk.failure(reply));
    say(this.#notes.said, reply.ok ? words.cancelled(code, words.states[reply.body.state] ?? reply.body.state) : '');
    this.#changed();
  }

  /** Reads the whole list by key and saves it; how much was read is told on the way. Leaving the screen ends it. */
  async #export(): Promise<void> {
    const { book: words } = this.#desk.words;
    const lines = [`${COLUMNS.join(',')}\r\n`];
    const only = this.#state;
    let [after, read]: [string | null, number] = [null, 0];
    do {
      const reply = await this.#calls.coupons(only, after, PAGE);
      say(this.#notes.error, this.#desk.failure(reply));
      if (!reply.ok) {
        return;
      }
      read += reply.body.items.length;
      lines.push(csv(COLUMNS, reply.body.items));
      say(this.#notes.said, words.exporting(this.#desk.n(read)));
      after = reply.body.next;
    } while (after !== null && this.root.isConnected);
    if (after === null) {
      save(`${this.#book}${only === null ? '' : `-${only}`}.csv`, new Blob(lines, { type: 'text/csv' }));
      say(this.#notes.said, words.exported(this.#desk.n(read)));
    }
  }
}
