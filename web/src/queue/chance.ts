/** Whether there will be one: the server's judgement, in a sentence that fits the two numbers shown above it. */

import type { Chance } from './api';
import type { Words } from './words.en';

/** What is said of a chance, with so many coupons left and so many people before. */
export function judgement(chance: Chance | null, remaining: number, ahead: number, { chance: say }: Words): string {
  if (remaining === 0) {
    return say.none;
  }
  switch (chance) {
    case 'likely':
      return ahead < remaining ? say.likely : say.likelyStill;
    case 'uncertain':
      return say.uncertain;
    case 'unlikely':
      return say.unlikely;
    default:
      return '';
  }
}
