/** A session of an account: its access token, held in memory alone, and the cookie that renews it. */

import { call, type Reply } from './reply';

export type Role = 'user' | 'operator' | 'admin';

export interface Account {
  account_id: string;
  email: string;
  name: string | null;
  role: Role;
  created_at: string;
}

interface Opened {
  access_token: string;
  expires_in_s: number;
  account: Account;
}

const PATH = '/api/v1/sessions';
/** A token is renewed this long before it ends, so that no call meets its end. */
const EARLY_MS = 30_000;
/** Cookies serve once: of all tabs of this browser one renews at a time, each with the cookie that the one before was given. */
const LOCK = 'stanchion-session';

/** Does something while no other tab does; browsers have locks wherever the address is https or this machine's own. */
async function alone<T>(act: () => Promise<T>): Promise<T> {
  return navigator.locks ? await navigator.locks.request(LOCK, act) : act();
}

export class Session {
  #token = '';
  #endsAt = 0;
  #account: Account | null = null;
  #renewing: Promise<Reply<unknown>> | null = null;

  /** Whose it is; null while nobody is signed in. */
  get account(): Account | null {
    return this.#account;
  }

  /** Makes an account, and signs it in. */
  async signUp(email: string, password: string): Promise<Reply<unknown>> {
    const made = await call('POST', '/api/v1/accounts', undefined, { email, password });
    return made.ok ? this.begin(email, password) : made;
  }

  /** Signs in. */
  async begin(email: string, password: string): Promise<Reply<unknown>> {
    return this.#open(await call<Opened>('POST', PATH, undefined, { email, password }));
  }

  /** Signs out, here and in every tab. */
  async end(): Promise<void> {
    await alone(() => call('DELETE', `${PATH}/me`, this.#token));
    this.#forget();
  }

  /** Goes on with the session of the cookie. Callers that ask while it is being renewed share the answer. */
  renew(): Promise<Reply<unknown>> {
    const renewing = this.#renewing ?? alone(() => this.#refresh());
    this.#renewing = renewing;
    return renewing.finally(() => {
      this.#renewing = null;
    });
  }

  /** The access token, renewed when its end is near. One that could not be renewed is shown as it is: the server decides. */
  async token(): Promise<string> {
    if (Date.now() > this.#endsAt - EARLY_MS) {
      await this.renew();
    }
    return this.#token;
  }

  /** A call with the access token; one that ended before its time is renewed once. */
  async call<T>(method: string, path: string, body?: unknown, once?: string): Promise<Reply<T>> {
    const reply = await call<T>(method, path, await this.token(), body, once);
    if (reply.ok || reply.problem !== 'unauthorized' || this.#account === null) {
      return reply;
    }
    const renewed = await this.renew();
    return renewed.ok ? call<T>(method, path, this.#token, body, once) : reply;
  }

  async #refresh(): Promise<Reply<unknown>> {
    return this.#open(await call<Opened>('POST', `${PATH}/refresh`));
  }

  /** Only a refusal ends a session: an answer that was lost says nothing about it. */
  #open(reply: Reply<Opened>): Reply<unknown> {
    if (reply.ok) {
      this.#token = reply.body.access_token;
      this.#endsAt = Date.now() + reply.body.expires_in_s * 1000;
      this.#account = reply.body.account;
    } else if (reply.problem === 'session-ended') {
      this.#forget();
    }
    return reply;
  }

  #forget(): void {
    this.#token = '';
    this.#endsAt = 0;
    this.#account = null;
  }
}
