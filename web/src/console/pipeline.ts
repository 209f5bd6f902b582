/** The way of a coupon to the record, with what waits on each stretch. */

import { h, say } from '../element';
import type { Desk, Part } from './desk';
import { unexplainedNote } from './unexplained';

/** A stretch is worth a colour when it stands still; records on their way are not. */
const STILL_MS = 3000;

interface Station {
  root: HTMLElement;
  figure: HTMLElement;
}

function station(name: string): Station {
  const figure = h('span');
  return { root: h('li', {}, h('strong', {}, name), figure), figure };
}

function stretch(): HTMLElement {
  return h('li', { class: 'stretch' });
}

export function pipeline(desk: Desk, id: string): Part {
  const { pipeline: words } = desk.words;
  const [redis, outbox, log, ledger] = [
    station(words.redis),
    station(words.outbox),
    station(words.log),
    station(words.ledger),
  ];
  const [toOutbox, toLog, toLedger] = [stretch(), stretch(), stretch()];
  const way = [redis.root, toOutbox, outbox.root, toLog, log.root, toLedger, ledger.root];
  const unexplained = unexplainedNote(desk);
  const behind = (element: HTMLElement, n: number, still_ms: number) => {
    say(element, words.behind(desk.n(n)));
    element.dataset.still = String(still_ms >= STILL_MS);
  };
  return {
    root: h(
      'section',
      { class: 'panel' },
      h('h2', {}, words.headline),
      h('ol', { class: 'pipeline' }, ...way),
      unexplained.root,
    ),
    paint() {
      unexplained.paint();
      const event = desk.events.get(id);
      if (!event) {
        return;
      }
      const { redeemed, outbox_lag, ledger_lag } = event;
      const history = desk.history(id);
      say(redis.figure, words.issued(desk.n(redeemed)));
      say(outbox.figure, words.waiting(desk.n(outbox_lag)));
      say(log.figure, words.acknowledged(desk.n(Math.max(0, redeemed - outbox_lag))));
      say(ledger.figure, words.kept(desk.n(Math.max(0, redeemed - ledger_lag))));
      // One script writes both: a coupon is in the outbox the moment it is issued.
      behind(toOutbox, 0, 0);
      behind(toLog, outbox_lag, history.still('logged'));
      behind(toLedger, Math.max(0, ledger_lag - outbox_lag), history.still('kept'));
    },
  };
}
