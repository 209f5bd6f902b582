/** Whether Redis, log and ledger agree: the figure that the process which compares them tells in its metrics. */

import { h, say, show } from '../element';
import type { Desk, Part } from './desk';

/** The figures hardly change faster. */
const EVERY_MS = 10_000;

export interface Agreement {
  unexplained: number;
  /** How old the comparison is, in seconds. */
  age_s: number;
}

/** Reads the figures out of the metrics; null when this door's process has none. */
export function agreement(metrics: string): Agreement | null {
  const figure = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? Number.NaN);
  const [unexplained, age_s] = [figure('stanchion_unexplained'), figure('stanchion_unexplained_age_s')];
  return Number.isNaN(unexplained) || Number.isNaN(age_s) ? null : { unexplained, age_s };
}

/** Asks for the figures now and then, while a console is open. */
export class Comparison {
  /** The newest; null while none is known. */
  now: Agreement | null = null;
  readonly #timer = setInterval(() => void this.#read(), EVERY_MS);

  constructor() {
    void this.#read();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    try {
      const response = await fetch('/metrics', { signal: AbortSignal.timeout(EVERY_MS) });
      this.now = response.ok ? agreement(await response.text()) : null;
    } catch {
      this.now = null;
    }
  }
}

/** One line: nothing is unexplained, or how much, and how old that is. */
export function unexplainedNote(desk: Desk): Part {
  const { unexplained: words } = desk.words;
  const root = h('p', { class: 'agreement' });
  return {
    root,
    paint() {
      const now = desk.comparison.now;
      show(root, now !== null);
      if (now) {
        const told = now.unexplained === 0 ? words.none : words.some(desk.n(now.unexplained));
        say(root, `${told} ${words.age(desk.n(Math.round(now.age_s)))}`);
        root.dataset.level = now.unexplained === 0 ? 'calm' : 'red';
      }
    },
  };
}
