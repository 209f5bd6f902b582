/** The ops console: the gate, the live figures, and which screen is shown. */

import { h, say } from '../element';
import { chosen, keep, type Language } from '../language';
import { accountsScreen } from './accounts';
import { Ops } from './api';
import { auditScreen } from './audit';
import { bookScreen } from './book';
import { booksScreen } from './books';
import { held } from './credential';
import { Desk, type Part, timeOf } from './desk';
import { type EventScreen, eventScreen } from './event';
import { Feed } from './feed';
import { gate } from './gate';
import { listen, listKeys } from './keys';
import { lettersScreen } from './letters';
import { limitsScreen } from './limits';
import { listScreen } from './list';
import { makeScreen } from './make';
import { poolScreen, poolsScreen } from './pools';
import { signingScreen } from './signing';
import { en, type Words } from './words.en';
import { ko } from './words.ko';

const WORDS: Record<Language, Words> = { en, ko };

const ROOMS = [
  { at: '', name: 'events', admins: false },
  { at: 'books', name: 'books', admins: false },
  { at: 'pools', name: 'pools', admins: false },
  { at: 'letters', name: 'letters', admins: false },
  { at: 'limits', name: 'limits', admins: false },
  { at: 'keys', name: 'keys', admins: true },
  { at: 'accounts', name: 'accounts', admins: true },
  { at: 'audit', name: 'audit', admins: true },
] as const;

/** Is it a room for admins alone? */
const closed = (room: string) => room === 'new' || ROOMS.some(({ at, admins }) => admins && at === room);

/** What an account whose role does not open the room is told in its place. */
function closedScreen({ words }: Desk): Part {
  const back = h('p', {}, h('a', { href: '#/' }, words.back));
  return { root: h('section', {}, back, h('h1', { tabindex: -1 }, words.problem.forbidden)), paint() {} };
}

/** The screen of a room, other than that of one event. */
function screenOf(desk: Desk, room: string, id: string): Part {
  if (!desk.admin && closed(room)) {
    return closedScreen(desk);
  }
  switch (room) {
    case 'new':
      return makeScreen(desk, (event) => location.assign(`#/events/${event}`));
    case 'books':
      return id === '' ? booksScreen(desk) : bookScreen(desk, id);
    case 'pools':
      return id === '' ? poolsScreen(desk) : poolScreen(desk, id);
    case 'letters':
      return lettersScreen(desk);
    case 'limits':
      return limitsScreen(desk);
    case 'keys':
      return signingScreen(desk);
    case 'accounts':
      return accountsScreen(desk);
    case 'audit':
      return auditScreen(desk);
    default:
      return listScreen(desk);
  }
}

class Console {
  readonly #root = document.getElementById('console') ?? document.body;
  readonly #main = h('main');
  readonly #link = h('p', { class: 'live', role: 'status' });
  #language = chosen();
  #desk: Desk | null = null;
  #feed: Feed | null = null;
  #screen: Part | null = null;
  #event: EventScreen | null = null;

  async begin(): Promise<void> {
    addEventListener('hashchange', () => this.#route(true));
    addEventListener('online', () => this.#feed?.wake());
    document.addEventListener('visibilitychange', () => document.hidden || this.#feed?.wake());
    listen(() => this.#words, {
      find: () => this.#find(),
      rate: () => this.#event?.pace.focus(),
      nudge: (direction) => this.#event?.pace.nudge(direction),
    });
    const credential = await held();
    if (credential === null) {
      this.#gate('');
    } else {
      this.#open(new Ops(credential));
    }
  }

  get #words(): Words {
    return WORDS[this.#language];
  }

  #gate(said: string): void {
    this.#feed?.stop();
    this.#feed = null;
    this.#desk?.comparison.stop();
    this.#desk = null;
    this.#screen?.leave?.();
    this.#screen = null;
    this.#event = null;
    this.#dress();
    this.#main.replaceChildren(gate(this.#words, said, (ops) => this.#open(ops)));
    this.#main.querySelector('input')?.focus();
  }

  #open(ops: Ops): void {
    this.#desk = new Desk(ops, this.#words, this.#language, this.#desk);
    say(this.#link, this.#words.connecting);
    this.#feed ??= new Feed(ops.credential, {
      figures: ({ at, events }) => {
        this.#desk?.hear(at, events);
        this.#screen?.paint();
        this.#entitle();
      },
      live: (live) => this.#live(live),
      unauthorized: () => {
        void ops.credential.forget();
        this.#gate(this.#words.gate.ended);
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
      void this.#desk?.ops.credential.forget();
      this.#gate('');
    };
    const inside = this.#desk !== null;
    const name = this.#desk?.ops.credential.name ?? '';
    const bar = h(
      'header',
      {},
      h('a', { class: 'brand', href: '#/' }, 'Stanchion'),
      h('span', { class: 'quiet' }, words.console),
      inside && this.#link,
      h('span', { class: 'gap' }),
      inside &&
        h('button', { type: 'button', class: 'tool hint', click: () => listKeys(this.#words) }, words.keys.button),
      h('button', { type: 'button', class: 'tool', lang: other, click: turn }, words.otherLanguage),
      inside &&
        h('button', { type: 'button', class: 'tool', click: forget }, name === '' ? words.leave : words.signOut(name)),
    );
    this.#root.replaceChildren(bar, ...(inside ? [this.#rooms()] : []), this.#main);
    this.#entitle();
  }

  /** Shows the screen that the address names. `moved` by a person: the keyboard goes on at its headline. */
  #route(moved: boolean): void {
    const desk = this.#desk;
    if (!desk) {
      return;
    }
    const [, room = '', id = ''] = location.hash.split('/').map(decodeURIComponent);
    this.#event = room === 'events' ? eventScreen(desk, id) : null;
    this.#screen?.leave?.();
    this.#screen = this.#event ?? screenOf(desk, room, id);
    const here = `#/${room === 'events' || room === 'new' ? '' : room}`;
    for (const link of this.#root.querySelectorAll('nav a')) {
      if (link.getAttribute('href') === here) {
        link.setAttribute('aria-current', 'page');
        link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      } else {
        link.removeAttribute('aria-current');
      }
    }
    const reads = !desk.admin && !closed(room);
    this.#main.replaceChildren(...(reads ? [h('p', { class: 'quiet' }, desk.words.operator)] : []), this.#screen.root);
    this.#screen.paint();
    this.#entitle();
    if (moved) {
      this.#main.querySelector<HTMLElement>('h1:not(:empty)')?.focus();
    }
  }

  /** The tab says which screen it shows. */
  #entitle(): void {
    const shown = this.#desk && this.#main.querySelector('h1:not(:empty)')?.textContent;
    document.title = [shown || this.#words.console, 'Stanchion'].join(' · ');
  }

  /** The rooms of the console; those that the account's role does not open are left out. */
  #rooms(): HTMLElement {
    const { rooms } = this.#words;
    const open = ROOMS.filter(({ admins }) => !admins || this.#desk?.admin);
    const links = open.map(({ at, name }) => h('li', {}, h('a', { href: `#/${at}` }, rooms[name])));
    return h('nav', { 'aria-label': rooms.label }, h('ul', {}, ...links));
  }

  #find(): void {
    const focus = () => document.getElementById('find')?.focus();
    if (location.hash.length > 2) {
      // After the page's own listener, which shows the list.
      addEventListener('hashchange', focus, { once: true });
      location.hash = '#/';
    } else {
      focus();
    }
  }
}

void new Console().begin();
