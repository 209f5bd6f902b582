/** The visitor's part of the API: shapes as the server sends them, and the calls. */

import { call, type Reply } from '../reply';

export type Phase = 'draft' | 'lobby' | 'open' | 'paused' | 'draining' | 'closed';
export type GoneReason = 'left' | 'no-show' | 'closed' | 'sold-out';

/** Will there be a coupon? */
export type Chance = 'likely' | 'uncertain' | 'unlikely';

export interface Eta {
  low: number;
  high: number;
}

export interface EventStatus {
  event: string;
  title: string;
  phase: Phase;
  opens_at: string | null;
  waiting: number;
  rate_per_s: number;
  stock: { total: number; remaining: number };
  sold_out: boolean;
  at: string;
}

export interface PlaceStatus {
  place_id: string;
  state: 'waiting' | 'admitted' | 'redeemed' | 'gone';
  position: number | null;
  waiting: number;
  phase: Phase;
  eta_s: Eta | null;
  chance: Chance | null;
  poll_after_ms: number;
  ticket?: string;
  ticket_expires_at?: string;
  reason?: GoneReason;
}

export interface Pass {
  result: 'pass';
  event: string;
  coupon: { code: string; serial: number };
  issued_at: string;
}

export interface Pending {
  result: 'pending';
}

export type Frame =
  | {
      type: 'position';
      position: number | null;
      waiting: number;
      eta_s: Eta | null;
      rate_per_s: number;
      stock_remaining: number;
      chance: Chance | null;
      at: string;
    }
  | { type: 'ticket'; ticket: string; expires_at: string }
  | { type: 'event'; phase: Phase; sold_out: boolean; stock_remaining: number }
  | { type: 'gone'; reason: GoneReason }
  | { type: 'bye'; retry_after_ms: number };

/** How the lobby was drawn. */
export interface DrawRecord {
  /** 32 bytes as hexadecimal digits. */
  seed: string;
  seed_origin: string;
  people: number;
  drawn_at: string;
  /** SHA-256 of the list, in hexadecimal. */
  digest: string;
}

/** A list of a million places over a slow line. */
const LIST_MS = 120_000;

/** The calls of one event. The place is shown by the cookie, which scripts cannot read. */
export class Api {
  readonly #path: string;

  constructor(event: string) {
    this.#path = `/api/v1/events/${encodeURIComponent(event)}`;
  }

  status(): Promise<Reply<EventStatus>> {
    return call('GET', this.#path);
  }

  enter(entry_token: string | null): Promise<Reply<PlaceStatus>> {
    return call('POST', `${this.#path}/places`, undefined, entry_token === null ? {} : { entry_token });
  }

  me(): Promise<Reply<PlaceStatus>> {
    return call('GET', `${this.#path}/places/me`);
  }

  leave(): Promise<Reply<unknown>> {
    return call('DELETE', `${this.#path}/places/me`);
  }

  redeem(ticket: string): Promise<Reply<Pass | Pending>> {
    return call('POST', `${this.#path}/redemptions`, ticket, {});
  }

  redemption(): Promise<Reply<Pass | Pending>> {
    return call('GET', `${this.#path}/redemptions/me`);
  }

  draw(): Promise<Reply<DrawRecord>> {
    return call('GET', `${this.#path}/draw`);
  }

  /** The places in drawn order, each followed by a line feed; null when it could not be had. */
  async drawList(): Promise<string | null> {
    try {
      const request = { headers: { accept: 'text/plain' }, signal: AbortSignal.timeout(LIST_MS) };
      const response = await fetch(`${this.#path}/draw`, request);
      return response.ok ? await response.text() : null;
    } catch {
      return null;
    }
  }

  /** The address of the live socket. */
  get live(): string {
    return `${location.origin.replace(/^http/, 'ws')}${this.#path}/places/me/live`;
  }
}
