/** The screen of one event. */

import { h, say, show } from '../element';
import type { LiveEvent } from './api';
import { audit } from './audit';
import { charts } from './charts';
import { type Desk, type Part, timeOf } from './desk';
import { type Level, reasonFor } from './health';
import { type Pace, pace } from './pace';
import { phasePanel } from './phase';
import { pipeline } from './pipeline';
import { stockPanel } from './stock';
import { nextMove, termsPanel } from './terms';
import { timelyNote } from './timely';

const FIGURES = ['waiting', 'admitted', 'outstanding', 'redeemed', 'noShows', 'left'] as const;

export interface EventScreen extends Part {
  pace: Pace;
}

/** What an operator should know of the event; that something is unexplained comes before all that is well. */
function stateOf(desk: Desk, event: LiveEvent): { level: Level; told: string } {
  const { reason: words, unexplained } = desk.words;
  const { level, is, n } = reasonFor(event, desk.history(event.event));
  const differing = desk.comparison.now?.unexplained ?? 0;
  return level === 'calm' && differing > 0
    ? { level: 'red', told: unexplained.some(desk.n(differing)) }
    : { level, told: words[is](desk.n(n)) };
}

/** Title, phase, state and the six figures. */
function banner(desk: Desk, id: string): Part {
  const { words } = desk;
  const title = h('h1', { tabindex: -1 });
  const phase = h('span', { class: 'phase' });
  const state = h('p', { class: 'state' });
  const figures = FIGURES.map((name) => ({ name, value: h('dd') }));
  const list = figures.map(({ name, value }) => h('div', {}, h('dt', {}, words.figures[name]), value));
  const about = h('p', { class: 'quiet' });
  const timely = timelyNote(desk, id);
  const root = h(
    'div',
    { class: 'banner' },
    h('div', { class: 'row' }, title, phase),
    about,
    state,
    h('dl', {}, ...list),
    timely.root,
  );
  return {
    root,
    paint() {
      const event = desk.events.get(id);
      if (!event) {
        return;
      }
      const { level, told } = stateOf(desk, event);
      root.dataset.level = level;
      say(title, event.title);
      say(phase, words.phase[event.phase]);
      phase.dataset.phase = event.phase;
      say(state, told);
      const next = nextMove(event);
      const move = next && words.terms.next[next[0]](timeOf(next[1], desk.at, desk.language));
      say(about, move ? `${id} · ${move}` : id);
      const counts = { ...event, noShows: event.no_shows };
      for (const { name, value } of figures) {
        say(value, desk.n(counts[name]));
      }
      timely.paint();
    },
  };
}

export function eventScreen(desk: Desk, id: string): EventScreen {
  const missing = h('h1', { tabindex: -1 });
  const history = audit(desk, id, (last) => control.hear(last));
  const changed = () => void history.read();
  const control = pace(desk, id, changed);
  const parts = [banner(desk, id), charts(desk, id), pipeline(desk, id), phasePanel(desk, id, changed)];
  const [head, pictures, way, phases] = parts.map(({ root }) => root);
  const coupons = stockPanel(desk, id, changed);
  const terms = termsPanel(desk, id, changed);
  const main = h(
    'div',
    {},
    // What is changed in a hurry comes first, to the eye on a phone, to the keyboard and to whoever listens.
    h(
      'div',
      { class: 'columns steered' },
      h('div', {}, phases ?? null, control.root, coupons.root),
      h('div', {}, pictures ?? null, way ?? null, terms.root),
    ),
    history.root,
  );
  const back = h('p', {}, h('a', { href: '#/' }, desk.words.back));
  const root = h('section', {}, back, missing, head ?? null, main);
  let settings = '';
  return {
    root,
    pace: control,
    paint() {
      const event = desk.events.get(id);
      say(missing, event ? '' : desk.at === 0 ? desk.words.connecting : desk.words.gone(id));
      show(missing, event === undefined);
      for (const part of [head, main]) {
        show(part ?? main, event !== undefined);
      }
      // Nothing moves any more in an event that is over.
      show(control.root, event?.phase !== 'closed');
      for (const part of [...parts, control, coupons, terms]) {
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
