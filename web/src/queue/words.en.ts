/** Every sentence of the queue page in English. Numbers and times arrive formatted. */

import type { ShownRange } from '../number';

const plural = (n: string, one: string, many: string) => (n === '1' ? `1 ${one}` : `${n} ${many}`);

function time({ unit, low, high }: ShownRange): string {
  const span = low > 0 && low < high ? `${low}–${high}` : low === high ? `About ${high}` : `Under ${high}`;
  return `${span} ${unit}${high === 1 ? '' : 's'}`;
}

export const en = {
  otherLanguage: '한국어',
  pageTitle: (number: string, title: string) => `${number} · ${title}`,
  tell: {
    label: 'Tell me when it’s my turn',
    title: 'By a sound, and by a note of this browser if you allow it',
  },
  loading: { headline: 'One moment…', text: '' },
  unreachable: {
    headline: 'We cannot reach the line.',
    text: 'Your connection or the server is away. This page keeps trying; if you had a place, you still have it.',
  },
  recovering: {
    headline: 'One moment, please.',
    text: 'The line is being put back in order after a short interruption. If you had a place, you still have it; this page goes on by itself.',
  },
  'unknown-event': { headline: 'There is no such event.', text: 'Please check the address you were given.' },
  'not-open-yet': {
    headline: 'Not open yet.',
    text: 'You can stay on this page: it opens by itself.',
    at: (day: string) => `The line opens on ${day}.`,
    soon: 'The organiser has not set a time.',
  },
  join: {
    headline: (total: string) => plural(total, 'coupon', 'coupons'),
    left: (remaining: string) => `${remaining} left`,
    waiting: (n: string) => (n === '0' ? 'Nobody is in line' : plural(n, 'person in line', 'people in line')),
    text: 'Join once and keep this page. Reloading, a second tab or a lost connection will not cost you your place.',
    lobby: 'You can come in already and wait for the opening.',
    paused: 'The line stands still just now. Your place would be kept.',
    returns: 'All coupons are taken. You may wait in case one comes back.',
    stranger:
      'This line is for people who come from the organiser’s site. Go back there and follow its link once more: a link lasts only for a while.',
    trouble: (problem: string) =>
      `The server would not let this page in. Reload the page, then try once more; if that does not help, tell the organiser “${problem}”.`,
    button: 'Join the line',
  },
  entering: {
    headline: 'Taking your place…',
    nothing: '',
    crowd: 'Many people are coming in at once. We keep trying; there is nothing you need to do.',
    recovery:
      'The line is being put back in order after a short interruption. We keep trying; there is nothing you need to do.',
  },
  lobby: {
    headline: 'You are in.',
    opensIn: 'Opens in',
    days: (n: number) => (n === 1 ? '1 day and' : `${n} days and`),
    soon: 'Opens soon',
    drawn: 'Everyone here before opening gets a random place: the places are drawn when it opens.',
    text: 'The line starts to move when the event opens.',
  },
  number: 'You are number',
  numberAbout: 'You are about number',
  behind: (n: string) => (n === '0' ? 'Nobody behind you yet' : `${plural(n, 'person', 'people')} behind you`),
  others: (n: string) =>
    n === '0' ? 'Nobody else is here yet' : n === '1' ? '1 other person is here' : `${n} others are here`,
  about: (n: string) => `about ${n}`,
  eta: (range: ShownRange) => `${time(range)} to go`,
  noEta: 'No estimate while the line stands still',
  next: {
    headline: 'You are next.',
    text: 'Keep this page open. If you were away when your turn came, nothing is lost: you are let in first.',
  },
  drawing: {
    headline: 'The places are being drawn.',
    text: 'Everyone who came before the opening gets a random one. Yours appears here in a moment.',
  },
  paused: {
    headline: 'The line is paused by the organiser.',
    text: 'Your place is kept. Nothing is lost while you wait: the page goes on by itself.',
    tab: 'Paused',
  },
  chance: {
    numbers: (left: string, ahead: string) =>
      `${plural(left, 'coupon', 'coupons')} left, ${ahead === '0' ? 'nobody' : plural(ahead, 'person', 'people')} before you`,
    likely: 'Likely: there should be one for you.',
    likelyStill: 'Likely: so far enough people do not take theirs.',
    uncertain: 'Uncertain: it depends on how many take theirs.',
    unlikely: 'Unlikely: many before you, or those whose turn it is now, would have to go without.',
    none: 'All taken for now. One may still come back.',
  },
  link: {
    none: '',
    live: '',
    polling: '',
    recovering: 'A short interruption on our side. Your place is safe.',
    lost: 'Reconnecting… Your place is safe.',
  },
  turn: {
    headline: 'It’s your turn.',
    text: 'to take your coupon. After that it goes to the next in line.',
    button: 'Get my coupon',
    asking: 'Getting it…',
    ended: 'Your time has ended. Checking with the server…',
    trouble: (problem: string) =>
      `The server did not take this ticket. Reload the page, then try once more; if that does not help, tell the organiser “${problem}”.`,
    alert: 'It is your turn. Press the button to get your coupon.',
    tab: 'Your turn!',
  },
  checking: {
    headline: 'Checking…',
    text: 'The answer got lost on its way. We ask again with the same ticket: you get the true answer, and never lose or double your coupon.',
  },
  coupon: {
    headline: 'Here is your coupon.',
    code: 'Your code',
    copy: 'Copy',
    copied: 'Copied',
    copyFailed: 'Select the code and copy it',
    save: 'Save as text',
    picture: 'Save as picture',
    record: (serial: string, at: string) => `Kept on the record as #${serial} at ${at}.`,
    text: 'The code stays here: come back to this page in this browser to see it again.',
    qr: 'The code as a QR picture',
    tab: 'Your coupon',
  },
  'sold-out': {
    headline: (total: string) => (total === '1' ? 'The one coupon is gone.' : `All ${total} are gone.`),
    text: 'Every coupon has found someone. Thank you for waiting; there is no need to stay.',
  },
  missed: {
    headline: 'Your turn went by.',
    text: (at: string | null) =>
      at === null
        ? 'You were away when it came, or your ticket was not used in time, so the line moved on.'
        : `Your ticket was not used in time; it ended at ${at}, so the line moved on.`,
    button: 'Join again at the back',
  },
  left: { headline: 'You left the line.', text: 'Your place went to the people behind you.', button: 'Join again' },
  'line-closed': {
    headline: 'The line is closed.',
    text: 'Those already in line are being served. Nobody new can join.',
  },
  closed: { headline: 'The event is over.', text: 'Thank you for coming.' },
  draw: {
    button: 'How the places were drawn',
    headline: 'How the places were drawn',
    text: 'A number that nobody could know before, the seed, mixed the places of all who were here at the opening: in the order of SHA-256 of the seed followed by the place. Anybody can work it out again.',
    people: 'Places drawn',
    at: 'Drawn at',
    origin: 'The seed comes from',
    random: 'the random numbers of the server',
    seed: 'Seed',
    yours: 'Your place',
    check: 'Work it out here',
    checking: 'Working it out…',
    right: 'It is right: every place stands where the seed put it.',
    drawnAs: (n: string) => `You were drawn as number ${n}.`,
    wrong: 'It does not come out as published. Keep the seed and your place, and ask the organiser.',
    unable: 'This browser works such things out on secure pages (https) alone.',
    failed: 'The draw could not be had just now. Try again in a moment.',
    close: 'Close',
  },
  over: 'Nobody new can join any more.',
  leave: {
    button: 'Leave the line',
    question: 'Leave the line?',
    text: 'Your place goes to the people behind you. If you come back, you start at the back.',
    yes: 'Leave',
    no: 'Stay in line',
    failed: 'We could not reach the server. You are still in line.',
  },
  announce: {
    position: (number: string) => `You are number ${number}.`,
    lost: 'Connection lost. Your place is safe.',
    back: 'Connected again.',
    moves: 'The line moves.',
  },
};

export type Words = typeof en;
