/** The queue page: wires the visit, the screens and the tools together. */

import { h, s, say } from '../element';
import { chosen, keep, type Language } from '../language';
import { couponScreen } from './coupon';
import { Herald } from './herald';
import { lineScreen } from './line';
import { messageScreen } from './message';
import { askForNotices } from './notice';
import { stateOf } from './page';
import { type Screen, type ScreenName, type Stage, screenOf } from './screen';
import { Sound } from './sound';
import { turnScreen } from './turn';
import { Visit } from './visit';
import { en, type Words } from './words.en';
import { ko } from './words.ko';

const WORDS: Record<Language, Words> = { en, ko };
const SCREENS: Record<ScreenName, (stage: Stage) => Screen> = {
  message: messageScreen,
  line: lineScreen,
  turn: turnScreen,
  coupon: couponScreen,
};
/** How often the screen is painted between messages: countdowns and the number run on. */
const PAINT_MS = 500;

function part(id: string): HTMLElement {
  return document.getElementById(id) ?? document.body;
}

class QueuePage {
  readonly #event = decodeURIComponent(location.pathname.split('/')[2] ?? '');
  readonly #visit = new Visit(this.#event, () => this.#paint());
  readonly #sound = new Sound();
  readonly #herald = new Herald(part('polite'), part('assertive'), this.#sound);
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #language = chosen();
  #shown: { name: ScreenName; screen: Screen } | null = null;

  begin(): void {
    this.#speak();
    void this.#visit.begin();
    setInterval(() => this.#paint(), PAINT_MS);
    addEventListener('online', () => this.#visit.wake());
    addEventListener('pageshow', (shown) => shown.persisted && this.#visit.wake());
    document.addEventListener('visibilitychange', () => document.hidden || this.#visit.wake());
    addEventListener('pointerdown', () => this.#sound.ready(), { once: true });
    addEventListener('keydown', () => this.#sound.ready(), { once: true });
  }

  get #stage(): Stage {
    const words = WORDS[this.#language];
    return { visit: this.#visit, words, language: this.#language, event: this.#event, lively: !this.#calm.matches };
  }

  /** Shows everything in the chosen language, from nothing. */
  #speak(): void {
    const words = WORDS[this.#language];
    document.documentElement.lang = this.#language;
    const other: Language = this.#language === 'en' ? 'ko' : 'en';
    const turnTo = () => {
      this.#language = other;
      keep(other);
      this.#speak();
      part('tools').querySelector('button')?.focus();
    };
    const language = h('button', { type: 'button', class: 'tool', lang: other, click: turnTo }, words.otherLanguage);
    part('tools').replaceChildren(language, this.#soundButton(words));
    this.#shown = null;
    this.#paint();
  }

  #soundButton(words: Words): HTMLElement {
    const bell = s(
      'svg',
      { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
      s('path', { d: 'M5 17h14l-2-3V10a5 5 0 0 0-10 0v4zM10 20h4' }),
      s('path', { d: 'M4 4l16 16', class: 'off' }),
    );
    const button = h(
      'button',
      { type: 'button', class: 'tool tell', title: words.tell.title, 'aria-label': words.tell.label },
      bell,
      h('span', {}, words.tell.label),
    );
    const mark = () => button.setAttribute('aria-pressed', String(this.#sound.wanted));
    button.addEventListener('click', () => {
      this.#sound.want(!this.#sound.wanted);
      if (this.#sound.wanted) {
        askForNotices();
      }
      mark();
    });
    mark();
    return button;
  }

  #paint(): void {
    const { page } = this.#visit;
    const state = stateOf(page);
    // What the server rendered stays until there is something better to show.
    if (state === 'loading' && part('screen').childElementCount > 0) {
      return;
    }
    const name = screenOf(state);
    const stage = this.#stage;
    if (this.#shown?.name !== name) {
      this.#show(name, SCREENS[name](stage));
    }
    this.#shown?.screen.paint();
    document.body.dataset.state = state;
    if (page.event) {
      say(part('title'), page.event.title);
    }
    this.#herald.hear(page, part('screen').querySelector('h2')?.textContent ?? '', stage);
  }

  /** Puts a screen up; a keyboard that stood in the old one goes on at the new one's headline. */
  #show(name: ScreenName, screen: Screen): void {
    const stood = part('screen').contains(document.activeElement);
    part('screen').replaceChildren(screen.root);
    this.#shown = { name, screen };
    if (stood) {
      screen.paint();
      screen.root.querySelector<HTMLElement>('h2:not([hidden])')?.focus();
    }
  }
}

new QueuePage().begin();
