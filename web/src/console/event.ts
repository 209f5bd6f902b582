/** The screen of one event. */

import { h, say, show } from '../element';
import { audit } from './audit';
import { charts } from './charts';
import type { Desk, Part } from './desk';
import { reasonFor } from './health';
import { type Pace, pace } from './pace';
import { phasePanel } from './phase';
import { pipeline } from './pipeline';
import { stockPanel } from './stock';

const FIGURES = ['waiting', 'admitted', 'outstanding', 'redeemed', 'noShows', 'left'] as const;

export interface EventScreen extends Part {
  pace: Pace;
}

/** Title, phase, state and the six figures. */
function banner(desk: Desk, id: string): Part {
  const { words } = desk;
  const title = h('h1', { tabindex: -1 });
  const phase = h('span', { class: 'phase' });
  const state = h('p', { class: 'state' });
  const figures = FIGURES.map((name) => ({ name, value: h('dd') }));
  const list = figures.map(({ name, value }) => h('div', {}, h('dt', {}, words.figures[name]), value));
  const root = h(
    'div',
    { class: 'banner' },
    h('p', {}, h('a', { href: '#/' }, words.back)),
    h('div', { class: 'row' }, title, phase),
    h('p', { class: 'quiet' }, id),
    state,
    h('dl', {}, ...list),
  );
  return {
    root,
    paint() {
      const event = desk.events.get(id);
      if (!event) {
        return;
      }
      const reason = reasonFor(event, desk.history(id));
      root.dataset.level = reason.level;
      say(title, event.title);
      say(phase, words.phase[event.phase]);
      phase.dataset.phase = event.phase;
      say(state, words.reason[reason.is](desk.n(reason.n)));
      const told = { ...event, noShows: event.no_shows };
      for (const { name, value } of figures) {
        say(value, desk.n(told[name]));
      }
    },
  };
}

export function eventScreen(desk: Desk, id: string): EventScreen {
  const gone = h('p', {}, desk.words.gone);
  const history = audit(desk, id, (last) => control.hear(last));
  const changed = () => void history.read();
  const control = pace(desk, id, changed);
  const parts = [banner(desk, id), charts(desk, id), pipeline(desk, id), phasePanel(desk, id, changed)];
  const [head, pictures, way, phases] = parts.map(({ root }) => root);
  const coupons = stockPanel(desk, id, changed);
  const main = h(
    'div',
    { class: 'columns' },
    h('div', {}, pictures ?? null, way ?? null, history.root),
    h('div', {}, phases ?? null, control.root, coupons.root),
  );
  const root = h('section', {}, gone, head ?? null, main);
  let settings = '';
  return {
    root,
    pace: control,
    paint() {
      const event = desk.events.get(id);
      show(gone, desk.at > 0 && !event);
      show(main, event !== undefined);
      for (const part of [...parts, control, coupons]) {
        part.paint();
      }
      // Somebody changed something, here or elsewhere: the table says who.
      const now = event
        ? JSON.stringify([event.admission, event.phase, event.title, event.stock.total, !event.brake])
        : '';
      if (now !== settings) {
        settings = now;
        changed();
      }
    },
  };
}
