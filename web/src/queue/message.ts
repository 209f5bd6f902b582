/** The screens that say one thing: before a place is taken, and after it is gone. */

import { h, say, show } from '../element';
import { count, day, moment } from '../number';
import { drawButton } from './draw';
import { mayEnter, type Page, type State, stateOf } from './page';
import { rope } from './rope';
import type { Screen, Stage } from './screen';

interface Message {
  headline: string;
  facts: string[];
  text: string;
  note: string;
  button: string;
}

function message(state: State, page: Page, { words, language }: Stage): Message {
  const plain = { facts: [], note: '', button: '' };
  const stock = page.event?.stock;
  switch (state) {
    case 'join':
      return welcome(page, { words, language });
    case 'entering': {
      const held = page.place.is === 'entering' ? page.place.held : 'nothing';
      return { ...plain, headline: words.entering.headline, text: words.entering[held] };
    }
    case 'not-open-yet': {
      const opens = page.event?.opens_at;
      const { at, soon } = words['not-open-yet'];
      return { ...plain, ...words['not-open-yet'], note: opens ? at(day(opens, language)) : soon };
    }
    case 'sold-out':
      return {
        ...plain,
        ...words['sold-out'],
        headline: words['sold-out'].headline(count(stock?.total ?? 0, language)),
      };
    case 'missed': {
      const ended = page.place.is === 'gone' ? page.place.ticketEnded : null;
      const at = ended === null ? null : moment(new Date(ended).toISOString()).slice(0, 8);
      return {
        ...plain,
        ...words.missed,
        text: words.missed.text(at),
        ...again(page, words.missed.button),
      };
    }
    case 'left':
      return { ...plain, ...words.left, ...again(page, words.left.button) };
    case 'loading':
    case 'unreachable':
    case 'recovering':
    case 'unknown-event':
    case 'line-closed':
    case 'closed':
      return { ...plain, ...words[state] };
    default:
      return { ...plain, headline: '', text: '' };
  }

  function again(now: Page, button: string): { note: string; button: string } {
    return mayEnter(now) ? { note: '', button } : { note: words.over, button: '' };
  }
}

function welcome({ event, place }: Page, { words, language }: Pick<Stage, 'words' | 'language'>): Message {
  const n = (value: number) => count(value, language);
  const { join } = words;
  const { total = 0, remaining = 0 } = event?.stock ?? {};
  const trouble = place.is === 'none' ? place.trouble : null;
  const refused = trouble === 'unauthorized' ? join.stranger : trouble === null ? null : join.trouble(trouble);
  const notes: Partial<Record<string, string>> = { lobby: join.lobby, paused: join.paused };
  return {
    headline: join.headline(n(total)),
    facts: [join.left(n(remaining)), join.waiting(n(event?.waiting ?? 0))],
    text: join.text,
    note: refused ?? (event?.sold_out ? join.returns : (notes[event?.phase ?? ''] ?? '')),
    button: join.button,
  };
}

/** The rope is seen empty by those who are not in line yet. */
const BEFORE: State[] = ['join', 'entering', 'not-open-yet'];

/** Those who got nothing may want to know how the line was drawn. */
const AFTER: State[] = ['sold-out', 'missed', 'closed'];

/** One headline, a few words, at most one button: entering the line. */
export function messageScreen(stage: Stage): Screen {
  const { visit } = stage;
  const headline = h('h2', { tabindex: -1 });
  const facts = h('ul', { class: 'facts' });
  const note = h('p', { class: 'note' });
  const text = h('p');
  const button = h('button', { type: 'button', class: 'primary', click: () => void visit.enter() });
  const still = rope().root;
  const draw = drawButton(stage);
  const root = h('section', { class: 'screen message' }, headline, facts, still, note, text, button, draw.root);
  return {
    root,
    paint() {
      const state = stateOf(visit.page);
      const told = message(state, visit.page, stage);
      root.dataset.state = state;
      still.toggleAttribute('hidden', !BEFORE.includes(state));
      say(headline, told.headline);
      say(note, told.note);
      say(text, told.text);
      say(button, told.button);
      show(note, told.note !== '');
      show(text, told.text !== '');
      show(button, told.button !== '');
      draw.paint(AFTER.includes(state));
      show(facts, told.facts.length > 0);
      if (facts.childElementCount !== told.facts.length) {
        facts.replaceChildren(...told.facts.map(() => h('li')));
      }
      told.facts.forEach((fact, i) => {
        const item = facts.children[i];
        if (item) {
          say(item, fact);
        }
      });
    },
  };
}
