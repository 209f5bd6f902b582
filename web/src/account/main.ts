/** The account page: signing in and up, and one's coupons. */

import { h, say } from '../element';
import { chosen, keep, type Language } from '../language';
import { AGAIN } from '../once';
import { Session } from '../session';
import { Wallet } from './api';
import { forgetLocks } from './locks';
import { signScreen } from './sign';
import type { Stage } from './stage';
import { WalletScreen } from './wallet';
import { en, type Words } from './words.en';
import { ko } from './words.ko';

const WORDS: Record<Language, Words> = { en, ko };

function part(id: string): HTMLElement {
  return document.getElementById(id) ?? document.body;
}

class AccountPage {
  readonly #session = new Session();
  readonly #wallet = new Wallet(this.#session);
  #language = chosen();
  #coupons: WalletScreen | null = null;
  /** Does the server say who is signed in? Null before it was asked. */
  #asked: boolean | null = null;

  async begin(): Promise<void> {
    document.addEventListener('visibilitychange', () => document.hidden || this.#coupons?.wake());
    this.#dress();
    await this.#ask();
    this.#turn(false);
  }

  /** Finds out whether somebody is signed in; a server that is away says nothing of that. */
  async #ask(): Promise<void> {
    this.#show(h('section', { class: 'screen' }, h('p', {}, this.#words.loading)));
    const reply = await this.#session.renew();
    this.#asked = reply.ok || !AGAIN.includes(reply.problem);
  }

  get #words(): Words {
    return WORDS[this.#language];
  }

  get #stage(): Stage {
    return {
      session: this.#session,
      wallet: this.#wallet,
      words: this.#words,
      language: this.#language,
      tell: (text) => say(part('polite'), text),
      turn: () => this.#turn(true),
    };
  }

  /** Shows the coupons or the way in. `moved` by a person: the keyboard goes on at the headline. */
  #turn(moved: boolean): void {
    if (this.#asked === null) {
      return;
    }
    this.#coupons?.leave();
    this.#coupons = this.#session.account === null ? null : new WalletScreen(this.#stage);
    this.#dress();
    this.#show(this.#asked ? (this.#coupons?.root ?? signScreen(this.#stage)) : this.#away());
    if (moved) {
      part('screen').querySelector('h2')?.focus();
    }
  }

  /** Nobody is asked to sign in who may be signed in already. */
  #away(): HTMLElement {
    const { away, problem } = this.#words;
    const again = async () => {
      await this.#ask();
      this.#turn(true);
    };
    return h(
      'section',
      { class: 'screen' },
      h('h2', { tabindex: -1 }, away.headline),
      h('p', {}, problem.unreachable),
      h('button', { type: 'button', class: 'primary', click: () => void again() }, away.button),
    );
  }

  #show(root: HTMLElement): void {
    part('screen').replaceChildren(root);
  }

  /** The title and the tools. */
  #dress(): void {
    const words = this.#words;
    document.documentElement.lang = this.#language;
    document.title = words.title;
    say(part('title'), words.title);
    const other: Language = this.#language === 'en' ? 'ko' : 'en';
    const turnTo = () => {
      this.#language = other;
      keep(other);
      this.#turn(false);
      part('tools').querySelector('button')?.focus();
    };
    const out = async () => {
      forgetLocks();
      await this.#session.end();
      this.#turn(true);
    };
    const tool = (label: string, act: () => void, lang: Language) =>
      h('button', { type: 'button', class: 'tool', lang, click: act }, label);
    const tools = [tool(words.otherLanguage, turnTo, other)];
    if (this.#session.account !== null) {
      tools.push(tool(words.out, () => void out(), this.#language));
    }
    part('tools').replaceChildren(...tools);
  }
}

void new AccountPage().begin();
