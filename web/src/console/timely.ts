/** Whether the time left that people were shown first came true: what the gateway of this door's process counted. */

import { h, say, show } from '../element';
import type { Desk, Part } from './desk';

export interface Timely {
  /** People whose wait lay in the range that they were shown first. */
  right: number;
  all: number;
}

/** Reads the counts of one event out of the metrics; null when there are none. */
export function timely(metrics: string, event: string): Timely | null {
  let [right, all] = [0, 0];
  for (const [, labels = '', count = ''] of metrics.matchAll(/^stanchion_gateway_waits_total\{([^}]*)\} (\S+)$/gm)) {
    const told = labels.split(',');
    if (told.includes(`event="${event}"`)) {
      all += Number(count);
      right += told.includes('in_range="yes"') ? Number(count) : 0;
    }
  }
  return all > 0 ? { right, all } : null;
}

/** One line under the figures; nothing while nobody was told and let in. */
export function timelyNote(desk: Desk, id: string): Part {
  const root = h('p', { class: 'quiet', hidden: true });
  let read = '';
  return {
    root,
    paint() {
      const { metrics } = desk.comparison;
      if (metrics === read) {
        return;
      }
      read = metrics;
      const now = timely(metrics, id);
      show(root, now !== null);
      if (now) {
        say(root, desk.words.timely(desk.n(Math.floor((now.right / now.all) * 100)), desk.n(now.all)));
      }
    },
  };
}
