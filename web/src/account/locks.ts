/** The secrets of this tab's locks, so that a reload does not leave a coupon locked from its own holder. */

import type { Held } from './api';

const name = ({ book, code }: Held) => `stanchion-lock ${book} ${code}`;

export function lockToken(held: Held): string | null {
  return sessionStorage.getItem(name(held));
}

export function keepLock(held: Held, token: string): void {
  sessionStorage.setItem(name(held), token);
}

export function forgetLock(held: Held): void {
  sessionStorage.removeItem(name(held));
}

/** Signing out leaves no secret behind. */
export function forgetLocks(): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith('stanchion-lock ')) {
      sessionStorage.removeItem(key);
    }
  }
}
