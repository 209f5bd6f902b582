/** Tells people who are not looking: screen readers politely and rarely, the tab's title, and the turn aloud. */

import { say } from '../element';
import { clock, position } from '../number';
import { notice } from './notice';
import { milestone } from './pace';
import { type Page, type State, stateOf } from './page';
import type { Stage } from './screen';
import type { Sound } from './sound';

const BLINK_MS = 1000;

export class Herald {
  readonly #polite: Element;
  readonly #assertive: Element;
  readonly #sound: Sound;
  #state: State = 'loading';
  #announced: number | null = null;
  #lost = false;

  constructor(polite: Element, assertive: Element, sound: Sound) {
    this.#polite = polite;
    this.#assertive = assertive;
    this.#sound = sound;
  }

  /** Hears of the page as it now is. `headline` is what the screen says. */
  hear(page: Page, headline: string, stage: Stage): void {
    const state = stateOf(page);
    if (state !== this.#state) {
      const moves = state === 'waiting' && (this.#state === 'paused' || this.#state === 'lobby');
      this.#state = state;
      if (state === 'turn') {
        this.#turn(page, stage);
      } else if (headline !== '' || moves) {
        say(this.#polite, headline || stage.words.announce.moves);
      }
    }
    this.#position(page, stage);
    this.#link(page, stage);
    document.title = title(page, state, headline, stage);
  }

  #turn({ event }: Page, { words }: Stage): void {
    say(this.#assertive, words.turn.alert);
    if (this.#sound.wanted) {
      this.#sound.play();
      notice(words.turn.headline, event?.title ?? '');
    }
  }

  #position({ place }: Page, { words, language }: Stage): void {
    const now = place.is === 'waiting' ? place.position : null;
    if (now === null) {
      this.#announced = null;
    } else if (milestone(this.#announced, now)) {
      this.#announced = now;
      say(this.#polite, words.announce.position(position(now, language).digits));
    }
  }

  #link({ place, link }: Page, { words }: Stage): void {
    const lost = link === 'lost' && (place.is === 'waiting' || place.is === 'admitted');
    if (lost !== this.#lost) {
      this.#lost = lost;
      say(this.#polite, lost ? words.announce.lost : words.announce.back);
    }
  }
}

/** The tab's title: the number while one waits, on the turn a blink that also tells the time left, else what the page says. */
function title(page: Page, state: State, headline: string, { visit, words, language, event, lively }: Stage): string {
  const { place } = page;
  const name = page.event?.title ?? event;
  if (place.is === 'waiting' && place.position !== null) {
    const number = words.pageTitle(position(place.position, language).digits, name);
    return state === 'paused' ? `${words.paused.tab} · ${number}` : number;
  }
  if (place.is === 'admitted') {
    const now = visit.clock.now();
    const odd = lively && document.hidden && Math.floor(now / BLINK_MS) % 2 === 1;
    return odd ? `● ● ●  ${name}` : `${words.turn.tab} ${clock(place.expiresAt - now).digits} · ${name}`;
  }
  if (place.is === 'redeemed') {
    return `${words.coupon.tab} · ${name}`;
  }
  const said = headline.replace(/[.!…]$/, '');
  return state === 'join' || said === '' ? name : `${said} · ${name}`;
}
