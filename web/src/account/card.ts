/** One coupon: its code, and what may be done with it now. */

import { barcode } from '../barcode';
import { codeText } from '../code';
import { h, say, show } from '../element';
import { clock, count, day } from '../number';
import { qr, svg } from '../qr';
import type { Reply } from '../reply';
import type { Coupon, CouponState, Held } from './api';
import { forgetLock, keepLock, lockToken } from './locks';
import { failure, type Stage } from './stage';

/** What may be done: `mine` tells whether this tab holds the lock. */
export function actsOn(state: CouponState, mine: boolean): { lock: boolean; unlock: boolean; redeem: boolean } {
  return {
    lock: state === 'assigned',
    unlock: state === 'locked' && mine,
    redeem: state === 'assigned' || (state === 'locked' && mine),
  };
}

/** A coupon whose lock has ended by the server's time is as it was before, though nobody has told yet. */
export function stateAt({ state, locked_until }: Coupon, now: number): CouponState {
  return state === 'locked' && locked_until !== null && Date.parse(locked_until) <= now ? 'assigned' : state;
}

/** A coupon that is used up or over shows nothing that a till could scan. */
export function scannable(state: CouponState): boolean {
  return state === 'assigned' || state === 'locked';
}

export class Card {
  readonly root: HTMLElement;
  readonly #stage: Stage;
  readonly #held: Held;
  readonly #badge = h('span', { class: 'badge' });
  readonly #left = h('p', { class: 'left', role: 'timer' });
  readonly #uses = h('p', { class: 'record' });
  readonly #over = h('p', { class: 'note' });
  readonly #scan = h('div', { class: 'scan' });
  readonly #error = h('p', { class: 'note', role: 'alert' });
  readonly #buttons: Record<'lock' | 'unlock' | 'redeem', HTMLButtonElement>;
  readonly #inside: HTMLElement;
  readonly #head: HTMLButtonElement;
  readonly #refused: (problem: string, detail: string) => void;
  /** Null before it was asked for, and for a coupon that came out of a line: such a one has nothing but its code. */
  #live: Coupon | null = null;

  constructor(stage: Stage, held: Held, refused: (problem: string, detail: string) => void) {
    const { words } = stage;
    this.#stage = stage;
    this.#held = held;
    this.#refused = refused;
    const button = (name: 'lock' | 'unlock' | 'redeem', act: () => Promise<void>) =>
      h(
        'button',
        { type: 'button', class: name === 'redeem' ? 'primary' : '', click: () => void act() },
        words[name].button,
      );
    this.#buttons = {
      redeem: button('redeem', () => this.#redeem()),
      lock: button('lock', () => this.#lock()),
      unlock: button('unlock', () => this.#unlock()),
    };
    const id = `coupon-${held.book}-${held.code}`.replaceAll(/[^\w-]/g, '_');
    this.#inside = h('div', { id, class: 'stub', hidden: true });
    this.#head = h(
      'button',
      {
        type: 'button',
        class: 'coupon-head',
        'aria-expanded': 'false',
        'aria-controls': id,
        click: () => this.#toggle(),
      },
      h('strong', {}, held.code),
      h('span', {}, held.title),
      this.#badge,
    );
    this.root = h('li', {}, this.#head, this.#inside);
    this.paint();
  }

  /** How the coupon stands this moment, as far as this page has heard. */
  get state(): CouponState {
    return stateAt(this.#live ?? this.#held, this.#stage.wallet.clock.now());
  }

  /** Brings the countdown up to date. */
  paint(): void {
    const { words, wallet, language } = this.#stage;
    const { state } = this;
    const live = this.#live;
    const now = wallet.clock.now();
    say(this.#badge, words.state[state]);
    this.#badge.dataset.state = state;
    this.root.dataset.state = state;
    show(this.#scan, scannable(state));
    show(this.#over, !scannable(state));
    say(this.#over, state === 'redeemed' || state === 'expired' ? words.over[state] : '');
    if (!live) {
      return;
    }
    const mine = lockToken(this.#held) !== null;
    const acts = actsOn(state, mine);
    for (const name of ['redeem', 'lock', 'unlock'] as const) {
      show(this.#buttons[name], acts[name]);
    }
    const locked = state === 'locked' && live.locked_until !== null;
    const time = locked ? clock(Date.parse(live.locked_until ?? '') - now).digits : '';
    say(this.#left, locked ? (mine ? words.lock.mine(time) : words.lock.elsewhere(time)) : '');
    show(this.#left, locked);
    const [used, all] = [live.redemptions, live.redemptions + live.remaining];
    say(this.#uses, all > 1 ? words.uses(count(used, language), count(all, language)) : '');
    show(this.#uses, all > 1);
    if (live.state === 'locked' && !locked) {
      this.#live = { ...live, state: 'assigned', locked_until: null };
      forgetLock(this.#held);
      this.#stage.tell(words.lock.over);
    }
  }

  /** What is open is asked for again. */
  async wake(): Promise<void> {
    if (!this.#inside.hidden) {
      await this.#ask();
    }
  }

  #toggle(): void {
    const open = this.#inside.hidden;
    show(this.#inside, open);
    this.#head.setAttribute('aria-expanded', String(open));
    if (open && !this.#inside.hasChildNodes()) {
      this.#fill();
    }
    if (open) {
      void this.#ask();
    }
  }

  #fill(): void {
    const { words, language } = this.#stage;
    const { code, assigned_at } = this.#held;
    const modules = qr(code);
    const shown = h('output', { class: 'code', 'aria-label': words.code }, ...codeText(code));
    shown.style.setProperty('--length', String(code.length));
    const copy = h('button', { type: 'button' }, words.copy);
    copy.addEventListener('click', async () => {
      const done = await navigator.clipboard?.writeText(code).then(
        () => true,
        () => false,
      );
      say(copy, done ? words.copied : words.copyFailed);
    });
    const { redeem, lock, unlock } = this.#buttons;
    for (const button of [redeem, lock, unlock]) {
      show(button, false);
    }
    this.#inside.append(
      h('p', { class: 'label' }, words.code),
      shown,
      this.#left,
      this.#over,
      this.#scan,
      this.#error,
      h('div', { class: 'buttons' }, redeem, lock, unlock, copy),
      this.#uses,
    );
    if (assigned_at !== null) {
      this.#inside.append(h('p', { class: 'record' }, words.since(day(assigned_at, language))));
    }
    for (const picture of [modules && svg(modules, words.qr), barcode(code, words.barcode)]) {
      if (picture) {
        this.#scan.append(picture);
      }
    }
  }

  /** How the coupon stands. One without a book has no steps of its own. */
  async #ask(): Promise<void> {
    const reply = await this.#stage.wallet.coupon(this.#held);
    if (reply.ok) {
      this.#live = reply.body;
      say(this.#error, '');
      this.paint();
    } else if (reply.problem !== 'no-such-book') {
      this.#failed(reply);
    }
  }

  async #lock(): Promise<void> {
    const reply = await this.#busy(() => this.#stage.wallet.lock(this.#held));
    if (reply.ok) {
      keepLock(this.#held, reply.body.lock_token);
      this.#stage.tell(this.#stage.words.lock.done);
    }
    await this.#settled(reply);
  }

  async #unlock(): Promise<void> {
    const token = lockToken(this.#held) ?? '';
    const reply = await this.#busy(() => this.#stage.wallet.unlock(this.#held, token));
    if (reply.ok) {
      forgetLock(this.#held);
      this.#stage.tell(this.#stage.words.unlock.done);
    }
    await this.#settled(reply);
  }

  async #redeem(): Promise<void> {
    if (!(await this.#sure())) {
      return;
    }
    const reply = await this.#busy(() => this.#stage.wallet.redeem(this.#held, lockToken(this.#held)));
    if (reply.ok) {
      forgetLock(this.#held);
      this.#stage.tell(this.#stage.words.redeem.done);
    }
    await this.#settled(reply);
  }

  /** A coupon cannot be unused: asked once. */
  #sure(): Promise<boolean> {
    const { redeem } = this.#stage.words;
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'question', 'aria-describedby': 'question-text' },
      h('h2', { id: 'question' }, redeem.question),
      h('p', { id: 'question-text' }, redeem.text),
      h(
        'form',
        { method: 'dialog' },
        h('button', { value: 'yes', class: 'primary' }, redeem.yes),
        h('button', { value: 'no', class: 'quiet', autofocus: true }, redeem.no),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((done) => {
      dialog.addEventListener('close', () => {
        dialog.remove();
        done(dialog.returnValue === 'yes');
      });
    });
  }

  /** Makes a step; meanwhile no other can be begun. */
  async #busy<T>(step: () => Promise<Reply<T>>): Promise<Reply<T>> {
    const buttons = Object.values(this.#buttons);
    for (const button of buttons) {
      button.disabled = true;
    }
    say(this.#error, '');
    const reply = await step();
    for (const button of buttons) {
      button.disabled = false;
    }
    return reply;
  }

  /** Whatever a step came to, the coupon is shown as it stands; a button that went leaves the keyboard at the head. */
  async #settled(reply: Reply<unknown>): Promise<void> {
    await this.#ask();
    if (!reply.ok) {
      this.#failed(reply);
    }
    if (document.activeElement === document.body || document.activeElement === null) {
      this.#head.focus();
    }
  }

  #failed(reply: Reply<unknown>): void {
    if (reply.ok) {
      return;
    }
    if (this.#stage.session.account === null) {
      this.#refused(reply.problem, reply.detail);
    } else {
      say(this.#error, failure(this.#stage, reply.problem, reply.detail));
    }
  }
}
