/** The wallet's part of the API: shapes as the server sends them, and the calls of whoever is signed in. */

import { backoff } from '../backoff';
import { AGAIN, onceKey } from '../once';
import type { Reply } from '../reply';
import { ServerClock } from '../server-clock';
import type { Session } from '../session';

export type CouponState = 'assigned' | 'locked' | 'redeemed' | 'expired';

/** A coupon of a book as it stands this moment. */
export interface Coupon {
  code: string;
  state: CouponState;
  locked_until: string | null;
  redemptions: number;
  remaining: number;
}

/** A coupon as the ledger knows it. */
export interface Held extends Coupon {
  book: string;
  title: string;
  assigned_at: string | null;
}

export interface List {
  items: Held[];
  next: string | null;
}

/** So many times before the person is asked what to do. */
const MOST_TRIES = 8;

/** The calls. Steps carry a key of their own, so that one whose answer was lost is asked for again and made once. */
export class Wallet {
  readonly clock = new ServerClock();
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  coupons(after: string | null): Promise<Reply<List>> {
    const query = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    return this.#call('GET', `/api/v1/accounts/me/coupons?limit=50${query}`);
  }

  coupon(held: Held): Promise<Reply<Coupon>> {
    return this.#call('GET', path(held));
  }

  lock(held: Held): Promise<Reply<{ lock_token: string; locked_until: string }>> {
    return this.#step('POST', `${path(held)}/lock`, {});
  }

  unlock(held: Held, lock_token: string): Promise<Reply<unknown>> {
    return this.#step('DELETE', `${path(held)}/lock`, { lock_token });
  }

  redeem(held: Held, lock_token: string | null): Promise<Reply<unknown>> {
    return this.#step('POST', `${path(held)}/redemption`, lock_token === null ? {} : { lock_token });
  }

  async #step<T>(method: string, path: string, body: unknown): Promise<Reply<T>> {
    const once = onceKey();
    for (let failures = 0; ; failures += 1) {
      const reply = await this.#call<T>(method, path, body, once);
      if (reply.ok || !AGAIN.includes(reply.problem) || failures >= MOST_TRIES) {
        return reply;
      }
      const wait = reply.retryAfterMs ?? 500 + backoff(failures, Math.random());
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  async #call<T>(method: string, path: string, body?: unknown, once?: string): Promise<Reply<T>> {
    const reply = await this.#session.call<T>(method, path, body, once);
    if (reply.date !== null) {
      this.clock.hear(reply.date);
    }
    return reply;
  }
}

function path({ book, code }: Held): string {
  return `/api/v1/books/${encodeURIComponent(book)}/coupons/${encodeURIComponent(code)}`;
}
