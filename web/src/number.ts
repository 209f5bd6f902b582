/** Numbers as people read them. */

import type { Language } from './language';

/** A position: from ten thousand on "about", in hundreds, for nobody there counts single people. */
export interface ShownPosition {
  about: boolean;
  digits: string;
}

/** A range of time, each end in `unit`; `low` 0 means "less than `high`". */
export interface ShownRange {
  unit: 'second' | 'minute' | 'hour' | 'day';
  low: number;
  high: number;
}

const FAR = 10_000;

/** A count with its thousands parted. */
export function count(n: number, language: Language): string {
  return new Intl.NumberFormat(language).format(n);
}

/** A rate such as 0.5 or 1,200. */
export function rate(n: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: n < 10 ? 1 : 0 }).format(n);
}

export function position(n: number, language: Language): ShownPosition {
  const about = n > FAR;
  return { about, digits: count(about ? Math.round(n / 100) * 100 : n, language) };
}

/** Seconds as a range in the unit that suits its far end: up to 90 s in seconds (by tens), up to 90 min in minutes, up to two days in hours, then days. */
export function range(low_s: number, high_s: number): ShownRange {
  const [unit, step, size]: [ShownRange['unit'], number, number] =
    high_s <= 90
      ? ['second', 10, 1]
      : high_s <= 5400
        ? ['minute', 1, 60]
        : high_s <= 172_800
          ? ['hour', 1, 3600]
          : ['day', 1, 86_400];
  const low = Math.floor(low_s / size / step) * step;
  const high = Math.max(Math.ceil(high_s / size / step) * step, step);
  return { unit, low, high };
}

/** A countdown: `1:45`, `12:05`, `3:00:00`, or with days in front. */
export function clock(left_ms: number): { days: number; digits: string } {
  const seconds = Math.max(0, Math.ceil(left_ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  const days = Math.floor(seconds / 86_400);
  const head = days > 0 || hours > 0 ? `${hours}:${two(minutes)}` : String(minutes);
  return { days, digits: `${head}:${two(seconds % 60)}` };
}

/** A moment of the day to the millisecond, `10:00:03.120`, in the reader's own zone. */
export function moment(at: string): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A date and time without seconds, as the language writes it. */
export function day(at: string, language: Language): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(at));
}
