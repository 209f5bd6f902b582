/** Waiting before trying again. */

const FIRST_MS = 500;
const MOST_MS = 15_000;

/**
 * Full jitter: anywhere between nothing and a ceiling that doubles with each failure, so that a crowd cut off together does
 * not come back together. `draw` is a random number in [0, 1).
 */
export function backoff(failures: number, draw: number): number {
  return draw * Math.min(MOST_MS, FIRST_MS * 2 ** failures);
}
