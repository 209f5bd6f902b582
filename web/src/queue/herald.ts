/** Tells people who are not looking: screen readers politely and rarely, the tab's title, and the turn aloud. */

import { say } from '../element';
import { clock, position } from '../number';
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
      this.#state = state;
      if (state === 'turn') {
        say(this.#assertive, stage.words.turn.alert);
        this.#sound.play();
      } else if (headline !== '' && state !== 'waiting') {
        say(this.#polite, headline);
      }
    }
    this.#position(page, stage);
    this.#link(page, stage);
    document.title = title(page, stage);
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

/** The tab's title: the number while one waits, and on the turn a blink that also tells the time left. */
function title(page: Page, { visit, words, language, event, lively }: Stage): string {
  const { place } = page;
  const name = page.event?.title ?? event;
  if (place.is === 'waiting' && place.position !== null) {
    return words.pageTitle(position(place.position, language).digits, name);
  }
  if (place.is === 'admitted') {
    const now = visit.clock.now();
    const odd = lively && document.hidden && Math.floor(now / BLINK_MS) % 2 === 1;
    return odd ? `● ● ●  ${name}` : `${words.turn.tab} ${clock(place.expiresAt - now).digits} · ${name}`;
  }
  return place.is === 'redeemed' ? `${words.coupon.tab} · ${name}` : name;
}
