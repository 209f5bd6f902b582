/** What every part of the console works with: the operator's calls, the newest figures, the words. */

import type { Language } from '../language';
import { count, rate } from '../number';
import type { Reply } from '../reply';
import type { LiveEvent, Ops } from './api';
import { History } from './history';
import { Comparison } from './unexplained';
import type { Words } from './words.en';

export class Desk {
  readonly ops: Ops;
  readonly words: Words;
  readonly language: Language;
  readonly comparison: Comparison;
  /** By id, as the newest frame has them. */
  events = new Map<string, LiveEvent>();
  readonly #histories: Map<string, History>;
  /** The server's time of the newest frame, in milliseconds. */
  at = 0;

  constructor(ops: Ops, words: Words, language: Language, before: Desk | null) {
    this.ops = ops;
    this.words = words;
    this.language = language;
    this.comparison = before?.comparison ?? new Comparison();
    // A change of language keeps what was seen.
    this.#histories = before === null ? new Map() : before.#histories;
    this.events = before?.events ?? this.events;
    this.at = before?.at ?? 0;
  }

  /** May the operator do what only admins may? */
  get admin(): boolean {
    return this.ops.credential.role === 'admin';
  }

  /** Who did something, as the audit names them. */
  who(by: string): string {
    const { credential } = this.ops;
    if (by === 'admin') {
      return this.words.adminToken;
    }
    return by === credential.by ? credential.name : (this.words.audit.itself[by] ?? by);
  }

  hear(at: string, events: LiveEvent[]): void {
    this.at = Date.parse(at);
    this.events = new Map(events.map((event) => [event.event, event]));
    for (const event of events) {
      this.history(event.event).hear(this.at, event);
    }
  }

  history(event: string): History {
    const held = this.#histories.get(event) ?? new History();
    this.#histories.set(event, held);
    return held;
  }

  /** A count as the operator reads it. */
  n(value: number): string {
    return count(value, this.language);
  }

  /** A rate as the operator reads it. */
  r(value: number): string {
    return rate(value, this.language);
  }

  /** Why a call failed, in words. */
  failure(reply: Reply<unknown>): string {
    if (reply.ok) {
      return '';
    }
    const known = (this.words.problem as Record<string, string>)[reply.problem];
    return known ?? this.words.failed(reply.detail || reply.problem);
  }
}

/** A part of a screen: built once, painted on every frame. */
export interface Part {
  root: HTMLElement;
  paint(): void;
  /** Ends what the part does by itself; called when another screen is shown. */
  leave?(): void;
}

const SECONDS = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;

/** A time to the second; with its date when it is not of the same day as `now`. */
export function timeOf(at: number | string, now: number, language: Language): string {
  const [then, today] = [new Date(at), new Date(now)];
  const other = then.toDateString() !== today.toDateString();
  const date = other ? ({ year: 'numeric', month: 'short', day: 'numeric' } as const) : {};
  return new Intl.DateTimeFormat(language, { ...date, ...SECONDS }).format(then);
}
