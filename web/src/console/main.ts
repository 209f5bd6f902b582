/** The ops console: the gate, the live figures, and which screen is shown. */

import { h, say } from '../element';
import { chosen, keep, type Language } from '../language';
import { Ops } from './api';
import { Desk, type Part, timeOf } from './desk';
import { type EventScreen, eventScreen } from './event';
import { Feed } from './feed';
import { forgetToken, gate, heldToken } from './gate';
import { listen, listKeys } from './keys';
import { listScreen } from './list';
import { makeScreen } from './make';
import { en, type Words } from './words.en';
import { ko } from './words.ko';

const WORDS: Record<Language, Words> = { en, ko };

class Console {
  readonly #root = document.getElementById('console') ?? document.body;
  readonly #main = h('main');
  readonly #link = h('p', { class: 'live', role: 'status' });
  #language = chosen();
  #desk: Desk | null = null;
  #feed: Feed | null = null;
  #screen: Part | null = null;
  #event: EventScreen | null = null;

  begin(): void {
    addEventListener('hashchange', () => this.#route(true));
    addEventListener('online', () => this.#feed?.wake());
    document.addEventListener('visibilitychange', () => document.hidden || this.#feed?.wake());
    listen(() => this.#words, {
      find: () => this.#find(),
      rate: () => this.#event?.pace.focus(),
      nudge: (direction) => this.#event?.pace.nudge(direction),
    });
    const token = heldToken();
    if (token === null) {
      this.#gate('');
    } else {
      this.#open(new Ops(token));
    }
  }

  get #words(): Words {
    return WORDS[this.#language];
  }

  #gate(said: string): void {
    this.#feed?.stop();
    this.#feed = null;
    this.#desk = null;
    this.#screen = null;
    this.#event = null;
    this.#main.replaceChildren(gate(this.#words, said, (ops) => this.#open(ops)));
    this.#dress();
    this.#main.querySelector('input')?.focus();
  }

  #open(ops: Ops): void {
    this.#desk = new Desk(ops, this.#words, this.#language, this.#desk);
    say(this.#link, this.#words.connecting);
    this.#feed ??= new Feed(ops.token, {
      figures: ({ at, events }) => {
        this.#desk?.hear(at, events);
        this.#screen?.paint();
      },
      live: (live) => this.#live(live),
      unauthorized: () => {
        forgetToken();
        this.#gate(this.#words.gate.wrong);
      },
    });
    this.#dress();
    this.#route(false);
  }

  #live(live: boolean): void {
    const at = this.#desk?.at ?? 0;
    const lost = at === 0 ? this.#words.connecting : this.#words.lost(timeOf(at, at, this.#language));
    say(this.#link, live ? this.#words.live : lost);
    document.body.dataset.live = String(live);
  }

  /** The bar on top. */
  #dress(): void {
    const words = this.#words;
    document.documentElement.lang = this.#language;
    document.title = `${words.console} · Stanchion`;
    const other: Language = this.#language === 'en' ? 'ko' : 'en';
    const turn = () => {
      this.#language = other;
      keep(other);
      const ops = this.#desk?.ops;
      if (ops) {
        this.#open(ops);
        this.#live(document.body.dataset.live === 'true');
      } else {
        this.#gate('');
      }
    };
    const forget = () => {
      forgetToken();
      this.#gate('');
    };
    const inside = this.#desk !== null;
    const bar = h(
      'header',
      {},
      h('a', { class: 'brand', href: '#/' }, 'Stanchion'),
      h('span', { class: 'quiet' }, words.console),
      inside && this.#link,
      h('span', { class: 'gap' }),
      inside && h('button', { type: 'button', class: 'tool', click: () => listKeys(this.#words) }, words.keys.button),
      h('button', { type: 'button', class: 'tool', lang: other, click: turn }, words.otherLanguage),
      inside && h('button', { type: 'button', class: 'tool', click: forget }, words.leave),
    );
    this.#root.replaceChildren(bar, this.#main);
  }

  /** Shows the screen that the address names. `moved` by a person: the keyboard goes on at its headline. */
  #route(moved: boolean): void {
    const desk = this.#desk;
    if (!desk) {
      return;
    }
    const [, room, id = ''] = location.hash.split('/');
    this.#event = room === 'events' ? eventScreen(desk, decodeURIComponent(id)) : null;
    const made = (event: string) => location.assign(`#/events/${event}`);
    this.#screen = this.#event ?? (room === 'new' ? makeScreen(desk, made) : listScreen(desk));
    this.#main.replaceChildren(this.#screen.root);
    this.#screen.paint();
    if (moved) {
      this.#main.querySelector<HTMLElement>('h1')?.focus();
    }
  }

  #find(): void {
    if (location.hash.length > 2) {
      location.hash = '#/';
    }
    // The list is shown when the address has changed.
    setTimeout(() => document.getElementById('find')?.focus());
  }
}

new Console().begin();
