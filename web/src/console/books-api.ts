/** The part of the ops API that keeps books and pools: shapes as the server sends them, and the calls. */

import type { Reply } from '../reply';
import { authorized, type List, page } from './api';
import type { Credential } from './credential';

export const STATES = ['unassigned', 'assigned', 'locked', 'redeemed', 'expired'] as const;
export type CouponState = (typeof STATES)[number];

/** The rules of a book; in a change, what is left out stays as it is. */
export interface Rules {
  title: string;
  expires_at: string | null;
  max_per_person: number;
  redemptions_per_code: number;
  max_redemptions_per_person: number | null;
  lock_s: number;
  code_pattern: string;
  on_cancel: 'return' | 'keep';
  ack: 'redis' | 'log' | 'ledger';
}

export interface Coupon {
  code: string;
  state: CouponState;
  holder: string | null;
  assigned_at: string | null;
  locked_until: string | null;
  redemptions: number;
  remaining: number;
}

export interface Step {
  at: string;
  code: string;
  user_id: string;
  from: string;
  to: string;
  by: string;
  metadata: unknown;
}

export interface Rejected {
  line: number;
  code: string;
  reason: string;
}

export interface Job {
  id: string;
  kind: 'generate' | 'distribute';
  state: 'queued' | 'running' | 'done' | 'failed';
  done: number;
  total: number;
  report: unknown;
  error: string | null;
}

export interface Pool {
  pool: string;
  title: string;
  members: number;
}

/** A book as it is listed. */
export interface Listed extends Rules {
  book: string;
  /** The event that issues its codes. */
  event: string | null;
}

/** A book, and how many of its coupons stand where; a state that none has may be missing. */
export interface Book extends Listed {
  coupons: Partial<Record<CouponState, number>>;
}

const ROOT = '/api/v1/admin';

/** The books, or the pools, in order of id. */
export function listed<T>(
  credential: Credential,
  room: 'books' | 'pools',
  after: string | null,
): Promise<Reply<List<T>>> {
  return authorized(credential, 'GET', `${ROOT}/${room}${page(after)}`);
}

/** The calls of one operator on one book. */
export class BookCalls {
  readonly #credential: Credential;
  readonly #path: string;

  constructor(credential: Credential, book: string) {
    this.#credential = credential;
    this.#path = `${ROOT}/books/${encodeURIComponent(book)}`;
  }

  get(): Promise<Reply<Book>> {
    return this.#call('GET', '');
  }

  put(rules: Partial<Rules>): Promise<Reply<Rules>> {
    return this.#call('PUT', '', rules);
  }

  /** Gives the book the codes of a file; `try_only` looks at them and takes none. */
  codes(file: Blob, try_only: boolean): Promise<Reply<{ accepted: number }>> {
    return this.#call('POST', `/codes?dry_run=${try_only}`, new Blob([file], { type: 'text/csv' }));
  }

  coupons(state: CouponState | null, after: string | null, limit = '50'): Promise<Reply<List<Coupon>>> {
    return this.#call('GET', `/coupons${page(after, { limit, ...(state !== null && { state }) })}`);
  }

  cancel(code: string, reason: string): Promise<Reply<Coupon>> {
    return this.#call('POST', `/coupons/${encodeURIComponent(code)}/cancel`, { reason });
  }

  history(after: string | null, limit = '50'): Promise<Reply<List<Step>>> {
    return this.#call('GET', `/history${page(after, { limit })}`);
  }

  generate(asked: { count: number; code_pattern?: string }, once: string): Promise<Reply<Job>> {
    return this.#call('POST', '/generate', asked, once);
  }

  distribute(asked: { pool: string; mode: string; per_person?: number }, once: string): Promise<Reply<Job>> {
    return this.#call('POST', '/distributions', asked, once);
  }

  job(id: string): Promise<Reply<Job>> {
    return authorized(this.#credential, 'GET', `${ROOT}/jobs/${encodeURIComponent(id)}`);
  }

  #call<T>(method: string, path: string, body?: unknown, once?: string): Promise<Reply<T>> {
    return authorized(this.#credential, method, this.#path + path, body, once);
  }
}

/** The calls of one operator on one pool. */
export class PoolCalls {
  readonly #credential: Credential;
  readonly #path: string;

  constructor(credential: Credential, pool: string) {
    this.#credential = credential;
    this.#path = `${ROOT}/pools/${encodeURIComponent(pool)}`;
  }

  get(): Promise<Reply<Pool>> {
    return this.#call('GET', '');
  }

  put(title: string): Promise<Reply<Pool>> {
    return this.#call('PUT', '', { title });
  }

  remove(): Promise<Reply<unknown>> {
    return this.#call('DELETE', '');
  }

  members(after: string | null): Promise<Reply<List<{ user_id: string }>>> {
    return this.#call('GET', `/members${page(after)}`);
  }

  add(user_ids: string[]): Promise<Reply<Pool>> {
    return this.#call('POST', '/members', { user_ids });
  }

  takeOut(user_ids: string[]): Promise<Reply<unknown>> {
    return this.#call('DELETE', '/members', { user_ids });
  }

  #call<T>(method: string, path: string, body?: unknown): Promise<Reply<T>> {
    return authorized(this.#credential, method, this.#path + path, body);
  }
}
