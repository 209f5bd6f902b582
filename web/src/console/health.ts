/** What an operator should look at: the first reason that holds, worst first. */

import type { LiveEvent } from './api';
import { type History, wanted } from './history';

export type Level = 'red' | 'amber' | 'calm';

/** `n` is the figure that the sentence names. */
export interface Reason {
  level: Level;
  is:
    | 'ledger-still'
    | 'log-still'
    | 'nobody-let-in'
    | 'rate-zero'
    | 'capacity-full'
    | 'braked'
    | 'no-shows'
    | 'sold-out'
    | 'well';
  n: number;
}

const STILL_MS = 10_000;
const WORRYING_SHARE = 0.3;
const ENOUGH_TICKETS = 50;

export function reasonFor(event: LiveEvent, history: History): Reason {
  const { admission, outstanding, stock, waiting } = event;
  const due = wanted(event);
  // A slow rate is not a standstill: three times the gap between two people must pass.
  const rate = event.rate_in_force_per_s ?? admission.rate_per_s;
  const patience = Math.max(STILL_MS, 3000 / Math.max(rate, 0.001));
  if (history.still('logged') >= STILL_MS) {
    return { level: 'red', is: 'log-still', n: event.outbox_lag };
  }
  if (history.still('kept') >= STILL_MS) {
    return { level: 'red', is: 'ledger-still', n: event.ledger_lag };
  }
  if (due && admission.rate_per_s === 0) {
    return { level: 'amber', is: 'rate-zero', n: waiting };
  }
  if (due && outstanding >= admission.capacity) {
    return { level: 'amber', is: 'capacity-full', n: outstanding };
  }
  if (due && history.still('admitted') >= patience) {
    return { level: 'red', is: 'nobody-let-in', n: Math.floor(history.still('admitted') / 1000) };
  }
  if (event.brake) {
    return { level: 'amber', is: 'braked', n: event.brake.divided_by };
  }
  const share = event.admitted === 0 ? 0 : event.no_shows / event.admitted;
  if (event.phase !== 'closed' && event.admitted >= ENOUGH_TICKETS && share >= WORRYING_SHARE) {
    return { level: 'amber', is: 'no-shows', n: Math.round(share * 100) };
  }
  return { level: 'calm', is: stock.total > 0 && stock.remaining === 0 ? 'sold-out' : 'well', n: stock.total };
}
