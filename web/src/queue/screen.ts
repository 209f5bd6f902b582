/** What every screen of the page is: built once for a state, painted often. */

import type { Language } from '../language';
import type { State } from './page';
import type { Visit } from './visit';
import type { Words } from './words.en';

/** What a screen works with. */
export interface Stage {
  visit: Visit;
  words: Words;
  language: Language;
  event: string;
  /** May numbers run between messages? Not for those who asked for less motion. */
  lively: boolean;
}

export interface Screen {
  root: HTMLElement;
  /** Brings the screen up to date with the page; called on every change and twice a second. */
  paint(): void;
}

/** States that share a screen, so that moving between them rebuilds nothing. */
export type ScreenName = 'message' | 'line' | 'turn' | 'coupon';

export function screenOf(state: State): ScreenName {
  switch (state) {
    case 'lobby':
    case 'waiting':
    case 'paused':
      return 'line';
    case 'turn':
    case 'checking':
      return 'turn';
    case 'coupon':
      return 'coupon';
    default:
      return 'message';
  }
}
