/** The ops part of the API: shapes as the server sends them, and the calls. */

import { call, type Reply } from '../reply';
import type { Account, Role } from '../session';
import type { Credential } from './credential';

export type Phase = 'draft' | 'lobby' | 'open' | 'paused' | 'draining' | 'closed';

export interface Admission {
  rate_per_s: number;
  capacity: number;
  ticket_ttl_s: number;
  /** While the rate is on its way to `rate_per_s`. */
  ramp?: { from_per_s: number; since: string; until: string };
}

/** Any of the pace, and over how many seconds the rate goes to the new one. */
export type AdmissionChange = Partial<Omit<Admission, 'ramp'>> & { ramp_s?: number };

/** Redeeming goes badly, so fewer people are let in. */
export interface Brake {
  divided_by: number;
  since: string;
  why: 'failed' | 'late' | 'calm';
  share: number;
}

/** An event with its live figures: what a frame of the live socket holds, and what the calls answer. */
export interface LiveEvent {
  event: string;
  title: string;
  phase: Phase;
  lobby_at: string | null;
  opens_at: string | null;
  closes_at: string | null;
  order: 'fifo' | 'draw';
  identity: 'place' | 'entry-token';
  /** The id of the book whose coupons it gives. */
  book: string;
  code_pattern: string;
  ack: 'redis' | 'log' | 'ledger';
  on_sold_out: 'close' | 'keep';
  presence_s: number;
  grace_s: number;
  /** It issues the codes of its book. */
  given_codes?: true;
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
  /** People who were shown a time left before they were let in, and those for whom it was right. */
  waits: { all: number; in_range: number };
  /** While it is another than the rate that is set. */
  rate_in_force_per_s?: number;
  brake?: Brake;
}

/** The limits per client address, each as its flag is written. */
export interface Limits {
  enters: string;
  requests: string;
  sockets: string;
  direct: string;
  exempt: string;
  /** Which of them are set live. */
  set: (keyof LimitsChange)[];
}

/** `null` goes back to the flag. */
export type LimitsChange = { [name in Exclude<keyof Limits, 'set'>]?: string | null };

export type Frame = { type: 'figures'; at: string; events: LiveEvent[] } | { type: 'bye'; retry_after_ms: number };

export interface Audited {
  id: string;
  at: string;
  by: string;
  action: string;
  from: unknown;
  to: unknown;
}

/** What staff did to an account, a key or a pool. */
export interface Act extends Audited {
  subject: string;
}

export interface SigningKey {
  kid: string;
  state: 'next' | 'active' | 'old';
  since: string;
  until: string | null;
}

/** A message that could not be made a row. */
export interface Letter {
  id: number;
  at: string;
  state: string;
  reason: string;
  event: string | null;
  record_id: string | null;
  topic: string;
  partition: number;
  offset: number;
}

export interface WholeLetter extends Letter {
  payload: string;
  decisions: { at: string; by: string; action: string; note: string }[];
}

export interface ServiceKey {
  id: string;
  name: string;
  books: string[];
  created_at: string;
}

export interface List<T> {
  items: T[];
  next: string | null;
}

/** A new event; what is left out takes the server's default. */
export interface NewEvent {
  title: string;
  stock?: number;
  phase?: Phase;
  order?: string;
  lobby_at?: string;
  opens_at?: string;
  closes_at?: string;
  ack?: string;
  code_pattern?: string;
  on_sold_out?: string;
  presence_s?: number;
  grace_s?: number;
  admission?: Partial<Admission>;
}

/** What is left out stays; `null` takes a time away. */
export type EventChange = {
  [name in Exclude<keyof NewEvent, 'phase' | 'admission'>]?: NewEvent[name] | null;
};

const ROOT = '/api/v1/admin';

/** The calls of one operator. */
export class Ops {
  readonly credential: Credential;

  constructor(credential: Credential) {
    this.credential = credential;
  }

  events(): Promise<Reply<List<LiveEvent>>> {
    return this.#call('GET', '/events?limit=1000');
  }

  make(event: string, fields: NewEvent): Promise<Reply<LiveEvent>> {
    return this.#call('PUT', `/events/${encodeURIComponent(event)}`, fields);
  }

  change(event: string, change: EventChange): Promise<Reply<LiveEvent>> {
    return this.#call('PUT', `/events/${encodeURIComponent(event)}`, change);
  }

  admission(event: string, change: AdmissionChange): Promise<Reply<Admission>> {
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

  limits(): Promise<Reply<Limits>> {
    return this.#call('GET', '/limits');
  }

  setLimits(change: LimitsChange): Promise<Reply<Limits>> {
    return this.#call('PATCH', '/limits', change);
  }

  limitsAudit(after: string | null): Promise<Reply<List<Audited>>> {
    return this.#call('GET', `/limits/audit${page(after)}`);
  }

  acts(after: string | null): Promise<Reply<List<Act>>> {
    return this.#call('GET', `/audit${page(after)}`);
  }

  keys(): Promise<Reply<List<SigningKey>>> {
    return this.#call('GET', '/keys');
  }

  rotate(): Promise<Reply<SigningKey>> {
    return this.#call('POST', '/keys');
  }

  letters(after: string | null): Promise<Reply<List<Letter>>> {
    return this.#call('GET', `/dead-letters${page(after)}`);
  }

  letter(id: number): Promise<Reply<WholeLetter>> {
    return this.#call('GET', `/dead-letters/${id}`);
  }

  settle(id: number, how: 'redrive' | 'discard'): Promise<Reply<unknown>> {
    return this.#call('POST', `/dead-letters/${id}/${how}`);
  }

  /** `email`: only the account with this address. */
  accounts(after: string | null, email = ''): Promise<Reply<List<Account>>> {
    return this.#call('GET', `/accounts${page(after, email === '' ? {} : { email })}`);
  }

  makeAccount(email: string, password: string, role: Role): Promise<Reply<Account>> {
    return this.#call('POST', '/accounts', { email, password, role });
  }

  changeAccount(id: string, change: { role: Role }): Promise<Reply<Account>> {
    return this.#call('PATCH', `/accounts/${id}`, change);
  }

  deleteAccount(id: string): Promise<Reply<unknown>> {
    return this.#call('DELETE', `/accounts/${id}`);
  }

  serviceKeys(after: string | null): Promise<Reply<List<ServiceKey>>> {
    return this.#call('GET', `/service-keys${page(after)}`);
  }

  makeServiceKey(name: string, books: string[]): Promise<Reply<ServiceKey & { key: string }>> {
    return this.#call('POST', '/service-keys', { name, books });
  }

  deleteServiceKey(id: string): Promise<Reply<unknown>> {
    return this.#call('DELETE', `/service-keys/${id}`);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<Reply<T>> {
    return authorized(this.credential, method, ROOT + path, body);
  }
}

/** A call with a credential; one that has ended is renewed once, where that can be done. */
export async function authorized<T>(
  credential: Credential,
  method: string,
  path: string,
  body?: unknown,
  once?: string,
): Promise<Reply<T>> {
  const reply = await call<T>(method, path, await credential.token(), body, once);
  const again = !reply.ok && reply.problem === 'unauthorized' && (await credential.renew());
  return again ? call<T>(method, path, await credential.token(), body, once) : reply;
}

/** Where a list is read on. */
export function page(after: string | null, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ limit: '50', ...more, ...(after !== null && { after }) });
  return `?${query}`;
}

/** The address of the live socket. */
export function liveAddress(): string {
  return `${location.origin.replace(/^http/, 'ws')}${ROOT}/live`;
}
