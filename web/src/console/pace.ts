/** The pace of an event: rate, capacity and ticket time, each showing what is in force. */

import { h, say } from '../element';
import type { Admission, Audited, LiveEvent } from './api';
import { type Desk, type Part, timeOf } from './desk';
import { Setting, type SettingOf } from './setting';

/** The slider's steps: none, then ten a decade from 0.1 to 100,000. */
const STEPS = 61;

/** The rate at a step of the slider, with two digits that count. */
export function rateAt(step: number): number {
  return step <= 0 ? 0 : Number((10 ** ((step - 1) / 10 - 1)).toPrecision(2));
}

/** The step nearest a rate. */
export function stepAt(rate: number): number {
  return rate < 0.1 ? 0 : Math.min(STEPS, Math.round((Math.log10(rate) + 1) * 10) + 1);
}

/** A tenth more or less, as a number one would have typed. */
export function tenth(rate: number, direction: 1 | -1): number {
  const moved = rate * (direction === 1 ? 1.1 : 0.9);
  return Number(moved.toFixed(rate < 10 ? 2 : 0));
}

/** Over how many seconds the rate is to go to the new one; at once when nothing is asked for. */
function ramped(over: HTMLInputElement): { ramp_s?: number } {
  return over.valueAsNumber > 0 ? { ramp_s: over.valueAsNumber } : {};
}

/** Why another rate is in force than the one that is set; nothing when that is in force. */
export function onTheWay(desk: Pick<Desk, 'words' | 'r' | 'at' | 'language'>, event: LiveEvent): string {
  const { admission, brake } = event;
  const { pace } = desk.words;
  const said: string[] = [];
  if (admission.ramp) {
    said.push(pace.ramp(desk.r(admission.rate_per_s), timeOf(admission.ramp.until, desk.at, desk.language)));
  }
  if (brake) {
    said.push(pace.braked[brake.why](String(brake.divided_by), String(Math.round(brake.share * 100))));
  }
  return said.join(' ');
}

/** The rate that a tenth more or less is reckoned from: the one in force, but for the brake. */
function rateToMove(event: LiveEvent | undefined): number | undefined {
  return event?.brake ? event.admission.rate_per_s : (event?.rate_in_force_per_s ?? event?.admission.rate_per_s);
}

/** Says so, and the rate itself, which changes too often to be read out. */
function newsOf(desk: Desk, id: string): Part {
  const [why, now] = [h('p', { class: 'warning', role: 'status' }), h('p', { class: 'warning' })];
  return {
    root: h('div', {}, now, why),
    paint() {
      const event = desk.events.get(id);
      const rate = event?.rate_in_force_per_s;
      say(now, rate === undefined ? '' : desk.words.pace.now(desk.r(rate)));
      say(why, event ? onTheWay(desk, event) : '');
    },
  };
}

export interface Pace extends Part {
  /** Raises or lowers the rate that is in force by a tenth, now. */
  nudge(direction: 1 | -1): void;
  focus(): void;
  /** Hears the newest change of the pace, to tell who set it. */
  hear(last: Audited | undefined): void;
}

export function pace(desk: Desk, event: string, changed: () => void): Pace {
  const { words } = desk;
  const since = h('p', { class: 'quiet' });
  const slider = h('input', { type: 'range', min: 0, max: STEPS, step: 1, 'aria-label': words.pace.slider });
  const nudge = (direction: 1 | -1) => {
    const from = rateToMove(desk.events.get(event));
    if (from !== undefined) {
      void rate.set(tenth(from, direction));
    }
  };
  const over = h('input', { id: 'ramp_s', type: 'number', min: 0, max: 3600, step: 1, value: 0 });
  const news = newsOf(desk, event);
  const less = h('button', { type: 'button', click: () => nudge(-1) }, words.pace.less);
  const more = h('button', { type: 'button', click: () => nudge(1) }, words.pace.more);
  const one = (id: Exclude<keyof Admission, 'ramp'>, least: number, most: number): SettingOf => ({
    id,
    label: words.pace[id],
    least,
    most,
    step: id === 'rate_per_s' ? 'any' : '1',
    inForce: () => desk.events.get(event)?.admission[id] ?? null,
    now: () => (id === 'rate_per_s' ? desk.events.get(event)?.rate_in_force_per_s : undefined),
    change: (value) => desk.ops.admission(event, { [id]: value, ...(id === 'rate_per_s' && ramped(over)) }),
    changed: () => {
      over.value = '0';
      changed();
    },
  });
  const rate = new Setting(
    desk,
    one('rate_per_s', 0, 1_000_000),
    [less, more],
    [slider, h('label', { for: 'ramp_s' }, words.pace.over_s), over],
  );
  const capacity = new Setting(desk, one('capacity', 1, 10_000_000));
  const ttl = new Setting(desk, one('ticket_ttl_s', 1, 86_400));
  slider.addEventListener('input', () => rate.type(rateAt(slider.valueAsNumber)));
  const parts = [news, rate, capacity, ttl];
  const roots = parts.map((part) => part.root);
  return {
    root: h('section', { class: 'panel' }, h('h2', {}, words.pace.headline), since, ...roots),
    paint() {
      for (const part of parts) {
        part.paint();
      }
      // The slider follows the field, unless it is what moves the field.
      if (document.activeElement !== slider) {
        slider.value = String(stepAt(rate.field.valueAsNumber || 0));
      }
    },
    nudge,
    focus: () => rate.field.select(),
    hear: (last) =>
      say(since, last ? words.pace.since(timeOf(last.at, desk.at, desk.language), desk.who(last.by)) : ''),
  };
}
