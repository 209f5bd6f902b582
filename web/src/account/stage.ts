/** What every part of the account page works with. */

import type { Language } from '../language';
import type { Session } from '../session';
import type { Wallet } from './api';
import type { Words } from './words.en';

export interface Stage {
  session: Session;
  wallet: Wallet;
  words: Words;
  language: Language;
  /** Tells those who do not look what an action came to. */
  tell(text: string): void;
  /** Shows the page anew: somebody signed in or out. */
  turn(): void;
}

/** Why a call failed, in words. */
export function failure({ words }: Stage, problem: string, detail: string): string {
  const known: Partial<Record<string, string>> = words.problem;
  return known[problem] ?? (detail === '' ? words.problem.unreachable : detail);
}
