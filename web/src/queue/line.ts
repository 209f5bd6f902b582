/** The screen of those in line: lobby, waiting and paused. */

import { h, say, show } from '../element';
import { clock, count, position, range } from '../number';
import type { Chance } from './api';
import { judgement } from './chance';
import { drawButton, keepDrawn } from './draw';
import { leaveButton } from './leave';
import { glide, progress } from './pace';
import { type Page, type Place, stateOf } from './page';
import { rope } from './rope';
import type { Screen, Stage } from './screen';
import type { Words } from './words.en';

type Waiting = Extract<Place, { is: 'waiting' }>;

/** The first position this browser saw, so that the rope goes on where it was after a reload or in a second tab. */
function firstSeen(event: string, { id, position }: Waiting): number {
  const key = `stanchion:${event}:first`;
  const now = position ?? 0;
  try {
    const [place, first] = (localStorage.getItem(key) ?? '').split(' ');
    if (place === id && Number(first) >= now) {
      return Number(first);
    }
    localStorage.setItem(key, `${id} ${now}`);
  } catch {
    // Storage is switched off: the rope begins where this page began.
  }
  return now;
}

/** The screen's changing parts. */
function parts() {
  return {
    label: h('p', { class: 'label' }),
    digits: h('span', { class: 'digits' }),
    headline: h('h2', { tabindex: -1 }),
    text: h('p'),
    link: h('p', { class: 'link' }),
    eta: h('li'),
    behind: h('li'),
    numbers: h('strong'),
    judgement: h('span'),
    rope: rope(),
  };
}

type Parts = ReturnType<typeof parts>;

export function lineScreen(stage: Stage): Screen {
  const { visit, words } = stage;
  const p = parts();
  const number = h('p', { class: 'number' }, p.digits);
  const facts = h('ul', { class: 'facts' }, p.eta, p.behind);
  const chances = h('p', { class: 'chance' }, p.numbers, p.judgement);
  const draw = drawButton(stage);
  const root = h(
    'section',
    { class: 'screen line' },
    p.headline,
    p.text,
    p.label,
    number,
    p.link,
    p.rope.root,
    facts,
    chances,
    draw.root,
    leaveButton(stage),
  );
  let first: number | null = null;
  let lowest = Number.POSITIVE_INFINITY;
  return {
    root,
    paint() {
      const { page } = visit;
      const { place } = page;
      if (place.is !== 'waiting') {
        return;
      }
      const state = stateOf(page);
      const counting = place.position !== null;
      root.dataset.state = state;
      root.dataset.link = page.link;
      say(p.link, words.link[page.link]);
      for (const part of [p.label, number, chances]) {
        show(part, counting);
      }
      p.rope.root.toggleAttribute('hidden', !counting);
      head(p, page, place, stage);
      if (place.position === null) {
        keepDrawn(stage.event);
        say(p.behind, words.others(count(Math.max(0, place.waiting - 1), stage.language)));
      } else {
        first ??= firstSeen(stage.event, place);
        lowest = Math.min(lowest, moving(page, place, stage));
        figures(p, page, place.chance, lowest, stage);
        p.rope.move(progress(first, lowest));
        say(p.behind, words.behind(count(Math.max(0, place.waiting - place.position), stage.language)));
      }
      draw.paint(counting);
    },
  };
}

/** Where the number stands this moment, between two messages. */
function moving(page: Page, place: Waiting, { visit, lively }: Stage): number {
  const heard = place.position ?? 0;
  const moves = lively && page.link === 'live' && stateOf(page) === 'waiting';
  return moves ? glide(heard, page.event?.rate_per_s ?? 0, visit.clock.now() - place.heardAt) : heard;
}

/** The headline, and what the phase adds to it. */
function head(p: Parts, page: Page, place: Waiting, { visit, words }: Stage): void {
  const state = stateOf(page);
  const opens = page.event?.opens_at;
  if (state === 'lobby') {
    const { days, digits } = clock(opens ? Date.parse(opens) - visit.clock.now() : 0);
    const countdown = [words.lobby.opensIn, days > 0 ? words.lobby.days(days) : '', digits].filter(Boolean).join(' ');
    say(p.headline, words.lobby.headline);
    say(p.text, place.position === null ? words.lobby.drawn : words.lobby.text);
    say(
      p.eta,
      !opens ? words['not-open-yet'].soon : Date.parse(opens) > visit.clock.now() ? countdown : words.lobby.soon,
    );
  } else {
    const told = standing(state === 'paused', place.position, words);
    say(p.headline, told.headline);
    say(p.text, told.text);
    say(p.eta, place.eta ? words.eta(range(place.eta.low, place.eta.high)) : words.noEta);
  }
  show(p.headline, p.headline.textContent !== '');
  show(p.text, p.text.textContent !== '');
  show(p.eta, state === 'lobby' || place.eta !== null || (state === 'waiting' && place.position !== null));
}

/** What is said above the number. A line whose lobby is still being drawn has no numbers yet. */
function standing(paused: boolean, position: number | null, words: Words): { headline: string; text: string } {
  if (paused) {
    return words.paused;
  }
  return position === null ? words.drawing : position === 1 ? words.next : { headline: '', text: '' };
}

/** The number itself, and whether waiting still makes sense. */
function figures(p: Parts, page: Page, chance: Chance | null, now: number, { words, language }: Stage): void {
  const shown = position(now, language);
  say(p.label, shown.about ? words.numberAbout : words.number);
  say(p.digits, shown.digits);
  p.digits.style.setProperty('--length', String(Math.max(3, shown.digits.length)));
  const remaining = page.event?.stock.remaining;
  if (remaining !== undefined) {
    // As many as the number above says, and as exact.
    const ahead = now - 1;
    const people = shown.about ? words.about(position(ahead, language).digits) : count(ahead, language);
    say(p.numbers, words.chance.numbers(count(remaining, language), people));
    say(p.judgement, judgement(chance, remaining, ahead, words));
    p.judgement.dataset.chance = remaining === 0 ? 'unlikely' : (chance ?? '');
  }
}
