/** The account page: signing in and up, and one's coupons. */

import { h, say } from '../element';
import { chosen, keep, type Language } from '../language';
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
  /** Nothing is known about the session before it was asked for. */
  #asked = false;

  async begin(): Promise<void> {
    document.addEventListener('visibilitychange', () => document.hidden || this.#coupons?.wake());
    this.#dress();
    this.#show(h('section', { class: 'screen' }, h('p', {}, this.#words.loading)));
    await this.#session.renew();
    this.#asked = true;
    this.#turn(false);
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
    if (!this.#asked) {
      return;
    }
    this.#coupons?.leave();
    this.#coupons = this.#session.account === null ? null : new WalletScreen(this.#stage);
    this.#dress();
    this.#show(this.#coupons?.root ?? signScreen(this.#stage));
    if (moved) {
      part('screen').querySelector('h2')?.focus();
    }
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
