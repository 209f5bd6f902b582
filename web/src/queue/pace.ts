/** How the number and the rope move between two messages: gently, forwards only, and never far ahead of the truth. */

/** How far the shown number may run ahead of the last one heard: two in a hundred. */
const LEAD = 0.02;
/** Near the head every message is a second apart: nothing to bridge. */
const NEAR = 100;

/** The position to show `since_ms` after `heard` was heard, at the rate the organiser set. */
export function glide(heard: number, rate_per_s: number, since_ms: number): number {
  if (heard <= NEAR) {
    return heard;
  }
  const expected = (rate_per_s * Math.max(0, since_ms)) / 1000;
  return Math.max(NEAR, heard - Math.floor(Math.min(expected, heard * LEAD)));
}

/** How much of the way from the `first` position seen is behind a person: 0 to 1; at the door it is 1. */
export function progress(first: number, position: number): number {
  return first <= 1 ? 1 : Math.min(1, Math.max(0, (first - position) / (first - 1)));
}

const MILESTONES = [100_000, 50_000, 20_000, 10_000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 3, 2, 1];

/** Is `now` worth announcing, when `before` was the last position announced? */
export function milestone(before: number | null, now: number): boolean {
  return before === null || MILESTONES.some((mark) => now <= mark && mark < before);
}
