/** Whether the time left that people were shown first came true, as all gateways have counted. */

import { h, say, show } from '../element';
import type { LiveEvent } from './api';
import type { Desk, Part } from './desk';

/** In words; nothing while nobody was told and let in. */
export function timely(desk: Pick<Desk, 'words' | 'n'>, { waits }: Pick<LiveEvent, 'waits'>): string {
  const share = Math.floor((waits.in_range / waits.all) * 100);
  return waits.all > 0 ? desk.words.timely(desk.n(share), desk.n(waits.all)) : '';
}

/** One line under the figures. */
export function timelyNote(desk: Desk, id: string): Part {
  const root = h('p', { class: 'quiet', hidden: true });
  return {
    root,
    paint() {
      const event = desk.events.get(id);
      if (event) {
        say(root, timely(desk, event));
        show(root, event.waits.all > 0);
      }
    },
  };
}
