/** What an event did while this console was open: one sample a frame, a quarter of an hour of them. */

import type { LiveEvent } from './api';

export interface Sample {
  /** The server's time, in milliseconds. */
  at: number;
  waiting: number;
  admitted: number;
  redeemed: number;
  rate: number;
  /** Issued coupons that the log, and the ledger, hold. */
  logged: number;
  kept: number;
  /** Which of the three ought to grow now: somebody could be let in, a record waits for the log, or for the ledger. */
  due: Record<Growing, boolean>;
}

export type Growing = 'admitted' | 'logged' | 'kept';

/** Could the next in line be let in, as far as coupons and phase go? */
export function wanted({ phase, waiting, stock, outstanding }: LiveEvent): boolean {
  return (phase === 'open' || phase === 'draining') && waiting > 0 && stock.remaining > outstanding;
}

export const SPAN_MS = 15 * 60_000;
/** The time axes to choose from: as short as holds what was seen. */
const AXES_MS = [2 * 60_000, 5 * 60_000, SPAN_MS];

/** Rates are told over this long: long enough not to flicker, short enough to show a change at once. */
const SMOOTH_MS = 5000;

export class History {
  readonly samples: Sample[] = [];

  hear(at: number, event: LiveEvent): void {
    const last = this.samples.at(-1);
    if (last && at <= last.at) {
      return;
    }
    this.samples.push({
      at,
      waiting: event.waiting,
      admitted: event.admitted,
      redeemed: event.redeemed,
      rate: event.rate_in_force_per_s ?? event.admission.rate_per_s,
      logged: event.redeemed - event.outbox_lag,
      kept: event.redeemed - event.ledger_lag,
      due: { admitted: wanted(event), logged: event.outbox_lag > 0, kept: event.ledger_lag > 0 },
    });
    while ((this.samples[0]?.at ?? at) < at - SPAN_MS) {
      this.samples.shift();
    }
  }

  /** How long an axis has to be to show all of it, in milliseconds. */
  span(): number {
    const seen = (this.samples.at(-1)?.at ?? 0) - (this.samples[0]?.at ?? 0);
    return AXES_MS.find((span) => seen <= span) ?? SPAN_MS;
  }

  /** How much `of` grew per second, over the last few seconds before each sample; null for the first. */
  perSecond(of: 'admitted' | 'redeemed'): (number | null)[] {
    let from = 0;
    return this.samples.map((sample, i) => {
      while (from < i - 1 && (this.samples[from]?.at ?? 0) < sample.at - SMOOTH_MS) {
        from += 1;
      }
      const before = this.samples[from];
      return !before || before === sample ? null : ((sample[of] - before[of]) * 1000) / (sample.at - before.at);
    });
  }

  /** For how long `of` has not grown although it ought to, as far as was seen, in milliseconds. */
  still(of: Growing): number {
    const now = this.samples.at(-1);
    let since = now;
    for (let i = this.samples.length - 1; i >= 0; i -= 1) {
      const sample = this.samples[i];
      if (!sample?.due[of] || sample[of] !== now?.[of]) {
        break;
      }
      since = sample;
    }
    return (now?.at ?? 0) - (since?.at ?? 0);
  }
}
