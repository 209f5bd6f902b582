/** My coupons: a list that opens one at a time. */

import { h, say, show } from '../element';
import { count } from '../number';
import type { Held } from './api';
import { Card, scannable } from './card';
import { failure, type Stage } from './stage';

/** How often the countdowns are painted. */
const PAINT_MS = 500;

export class WalletScreen {
  readonly root: HTMLElement;
  readonly #stage: Stage;
  readonly #cards: Card[] = [];
  readonly #list = h('ul', { class: 'wallet' });
  readonly #headline = h('h2', { tabindex: -1 });
  readonly #none: HTMLElement;
  readonly #error = h('p', { class: 'note', role: 'alert' });
  readonly #more: HTMLButtonElement;
  readonly #timer = setInterval(() => this.#paint(), PAINT_MS);
  #next: string | null = null;
  #heard = false;

  constructor(stage: Stage) {
    const { words, session } = stage;
    this.#stage = stage;
    this.#none = h('p', {}, words.none);
    this.#more = h('button', { type: 'button', click: () => void this.#load(this.#next) }, words.more);
    show(this.#none, false);
    show(this.#more, false);
    this.root = h(
      'section',
      { class: 'screen' },
      this.#headline,
      h('p', { class: 'record' }, words.of(session.account?.name ?? session.account?.email ?? '')),
      this.#error,
      this.#none,
      this.#list,
      this.#more,
    );
    this.#paint();
    void this.#load(null);
  }

  /** Ends the countdowns. */
  leave(): void {
    clearInterval(this.#timer);
  }

  /** The person is back: what is open may have changed meanwhile. */
  wake(): void {
    for (const card of this.#cards) {
      void card.wake();
    }
  }

  async #load(after: string | null): Promise<void> {
    const reply = await this.#stage.wallet.coupons(after);
    if (!reply.ok) {
      this.#refused(reply.problem, reply.detail);
      return;
    }
    say(this.#error, '');
    for (const held of reply.body.items) {
      this.#add(held);
    }
    this.#next = reply.body.next;
    show(this.#more, this.#next !== null);
    show(this.#none, this.#cards.length === 0);
    this.#heard = true;
    this.#paint();
  }

  #add(held: Held): void {
    const card = new Card(this.#stage, held, (problem, detail) => this.#refused(problem, detail));
    this.#cards.push(card);
    this.#list.append(card.root);
  }

  #refused(problem: string, detail: string): void {
    if (this.#stage.session.account === null) {
      this.#stage.turn();
    } else {
      say(this.#error, failure(this.#stage, problem, detail));
    }
  }

  #paint(): void {
    for (const card of this.#cards) {
      card.paint();
    }
    say(this.#headline, this.#told());
  }

  /** What there is, in a few words. */
  #told(): string {
    const { words, language } = this.#stage;
    const ready = this.#cards.filter(({ state }) => scannable(state)).length;
    const { loading, some, used, nothing } = words.headline;
    if (!this.#heard) {
      return loading;
    }
    if (ready > 0) {
      return some(count(ready, language) + (this.#next === null ? '' : '+'));
    }
    return this.#cards.length > 0 ? used : nothing;
  }
}
