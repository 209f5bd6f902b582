/** The ops part of the API: shapes as the server sends them, and the calls. */

import { call, type Reply } from '../reply';

export type Phase = 'draft' | 'lobby' | 'open' | 'paused' | 'draining' | 'closed';

export interface Admission {
  rate_per_s: number;
  capacity: number;
  ticket_ttl_s: number;
}

/** An event with its live figures: what a frame of the live socket holds, and what the calls answer. */
export interface LiveEvent {
  event: string;
  title: string;
  phase: Phase;
  stock: { total: number; remaining: number };
  admission: Admission;
  waiting: number;
  admitted: number;
  outstanding: number;
  redeemed: number;
  no_shows: number;
  left: number;
  outbox_lag: number;
  ledger_lag: number;
}

export type Frame = { type: 'figures'; at: string; events: LiveEvent[] } | { type: 'bye'; retry_after_ms: number };

export interface Audited {
  id: string;
  at: string;
  by: string;
  action: string;
  from: unknown;
  to: unknown;
}

export interface List<T> {
  items: T[];
  next: string | null;
}

/** A new event; what is left out takes the server's default. */
export interface NewEvent {
  title: string;
  stock: number;
  phase?: Phase;
  ack?: string;
  code_pattern?: string;
  on_sold_out?: string;
  admission?: Partial<Admission>;
}

const ROOT = '/api/v1/admin';

/** The calls of one operator. */
export class Ops {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  get token(): string {
    return this.#token;
  }

  events(): Promise<Reply<List<LiveEvent>>> {
    return this.#call('GET', '/events?limit=1000');
  }

  make(event: string, fields: NewEvent): Promise<Reply<LiveEvent>> {
    return this.#call('PUT', `/events/${encodeURIComponent(event)}`, fields);
  }

  admission(event: string, change: Partial<Admission>): Promise<Reply<Admission>> {
    return this.#call('PATCH', `/events/${event}/admission`, change);
  }

  phase(event: string, phase: Phase): Promise<Reply<unknown>> {
    return this.#call('POST', `/events/${event}/phase`, { phase });
  }

  addStock(event: string, add: number): Promise<Reply<{ total: number; remaining: number }>> {
    return this.#call('POST', `/events/${event}/stock`, { add });
  }

  audit(event: string, after: string | null): Promise<Reply<List<Audited>>> {
    return this.#call('GET', `/events/${event}/audit?limit=20${after === null ? '' : `&after=${after}`}`);
  }

  #call<T>(method: string, path: string, body?: unknown): Promise<Reply<T>> {
    return call<T>(method, ROOT + path, this.#token, body);
  }
}

/** The address of the live socket. */
export function liveAddress(): string {
  return `${location.origin.replace(/^http/, 'ws')}${ROOT}/live`;
}
