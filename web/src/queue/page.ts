/** What the page knows, and how news changes it: pure, so that every state can be tried without a browser. */

import type { Chance, Eta, EventStatus, Frame, GoneReason, Pass, Phase, PlaceStatus } from './api';

/**
 * Where the visitor stands. `asking` tells how far a redemption is: not begun, asked, or asked again after a lost answer;
 * `trouble` names the problem of an entering or redemption that the server would not take. `ticketEnded` is known only when this page held the ticket.
 */
export type Place =
  | { is: 'unasked' }
  | { is: 'none'; trouble: string | null }
  | { is: 'entering'; held: Held }
  | {
      is: 'waiting';
      id: string;
      position: number | null;
      waiting: number;
      eta: Eta | null;
      chance: Chance | null;
      heardAt: number;
    }
  | { is: 'admitted'; ticket: string; expiresAt: number; asking: 'no' | 'first' | 'again'; trouble: string | null }
  | { is: 'redeemed'; pass: Pass | null }
  | { is: 'gone'; reason: GoneReason; ticketEnded: number | null };

/** What holds an entering up: nothing, a crowd that comes in at once, or a part of the service that is on its way back. */
export type Held = 'nothing' | 'crowd' | 'recovery';

/** How the page hears of changes. `none` until it has tried; `recovering` when the server answers but cannot look the place up yet. */
export type Link = 'none' | 'live' | 'polling' | 'recovering' | 'lost';

export interface Page {
  event: EventStatus | null;
  unknownEvent: boolean;
  place: Place;
  link: Link;
}

/** Everything that can happen to a page; `at` is the server's time in milliseconds. */
export type News =
  | { is: 'event'; status: EventStatus }
  | { is: 'unknown-event' }
  | { is: 'place'; status: PlaceStatus; at: number }
  | { is: 'no-place' }
  | { is: 'frame'; frame: Frame; at: number }
  | { is: 'link'; link: Link }
  | { is: 'entering'; held: Held }
  | { is: 'asking'; again: boolean }
  | { is: 'trouble'; problem: string }
  | { is: 'pass'; pass: Pass }
  | { is: 'gone'; reason: GoneReason }
  | { is: 'refused'; phase: Phase; soldOut: boolean }
  | { is: 'not-entered'; problem: string };

/** What a person sees. */
export type State =
  | 'loading'
  | 'unreachable'
  | 'recovering'
  | 'unknown-event'
  | 'not-open-yet'
  | 'join'
  | 'entering'
  | 'lobby'
  | 'waiting'
  | 'paused'
  | 'turn'
  | 'checking'
  | 'coupon'
  | 'sold-out'
  | 'missed'
  | 'left'
  | 'line-closed'
  | 'closed';

export const START: Page = { event: null, unknownEvent: false, place: { is: 'unasked' }, link: 'none' };

/** Which state to show. */
export function stateOf(page: Page): State {
  const { place } = page;
  if (page.unknownEvent) {
    return 'unknown-event';
  }
  switch (place.is) {
    case 'unasked':
      return unheard(page.link);
    case 'none':
      return outside(page);
    case 'entering':
      return 'entering';
    case 'waiting':
      return inLine(page.event?.phase ?? 'open');
    case 'admitted':
      return place.asking === 'again' ? 'checking' : 'turn';
    case 'redeemed':
      return place.pass ? 'coupon' : 'checking';
    case 'gone':
      return place.reason === 'no-show' ? 'missed' : place.reason;
  }
}

function unheard(link: Link): State {
  return link === 'lost' ? 'unreachable' : link === 'recovering' ? 'recovering' : 'loading';
}

function outside({ event, link }: Page): State {
  if (!event) {
    return unheard(link);
  }
  const over = event.phase === 'draining' || event.phase === 'closed';
  if (over && event.sold_out) {
    return 'sold-out';
  }
  switch (event.phase) {
    case 'draft':
      return 'not-open-yet';
    case 'draining':
      return 'line-closed';
    case 'closed':
      return 'closed';
    default:
      return 'join';
  }
}

function inLine(phase: Phase): State {
  return phase === 'paused' ? 'paused' : phase === 'lobby' || phase === 'draft' ? 'lobby' : 'waiting';
}

/** May somebody without a place enter now? */
export function mayEnter({ event }: Page): boolean {
  return event !== null && (event.phase === 'lobby' || event.phase === 'open' || event.phase === 'paused');
}

/** The page after the news. */
export function after(page: Page, news: News): Page {
  switch (news.is) {
    case 'event':
      return { ...page, event: news.status, unknownEvent: false };
    case 'unknown-event':
      return { ...page, unknownEvent: true };
    case 'place':
      return afterPlace(page, news.status, news.at);
    case 'no-place':
      return { ...page, place: { is: 'none', trouble: null } };
    case 'frame':
      return afterFrame(page, news.frame, news.at);
    case 'link':
      return { ...page, link: news.link };
    case 'entering':
      return { ...page, place: { is: 'entering', held: news.held } };
    case 'asking':
      return withTicket(page, { asking: news.again ? 'again' : 'first', trouble: null });
    case 'trouble':
      return withTicket(page, { asking: 'no', trouble: news.problem });
    case 'pass':
      return { ...page, place: { is: 'redeemed', pass: news.pass } };
    case 'gone':
      return { ...page, place: goneFrom(page.place, news.reason) };
    case 'refused':
      return {
        ...withEvent(page, { phase: news.phase, sold_out: news.soldOut }),
        place: { is: 'none', trouble: null },
      };
    case 'not-entered':
      return { ...page, place: { is: 'none', trouble: news.problem } };
  }
}

function withEvent(page: Page, change: Partial<EventStatus>): Page {
  return page.event ? { ...page, event: { ...page.event, ...change } } : page;
}

function withTicket(page: Page, change: { asking: 'no' | 'first' | 'again'; trouble: string | null }): Page {
  return page.place.is === 'admitted' ? { ...page, place: { ...page.place, ...change } } : page;
}

function afterPlace(page: Page, status: PlaceStatus, at: number): Page {
  const told = withEvent(page, { phase: status.phase });
  switch (status.state) {
    case 'waiting': {
      const { position, waiting, eta_s, chance } = status;
      return waitingAt(told, { id: status.place_id, position, waiting, eta: eta_s, chance, at });
    }
    case 'admitted':
      return status.ticket && status.ticket_expires_at
        ? admitted(told, status.ticket, Date.parse(status.ticket_expires_at))
        : told;
    case 'redeemed':
      return told.place.is === 'redeemed' ? told : { ...told, place: { is: 'redeemed', pass: null } };
    case 'gone':
      return gone(told, status.reason ?? 'closed');
  }
}

function afterFrame(page: Page, frame: Frame, at: number): Page {
  switch (frame.type) {
    case 'position': {
      if (page.place.is !== 'waiting') {
        return page;
      }
      const stock = page.event && { ...page.event.stock, remaining: frame.stock_remaining };
      const told = withEvent(page, { rate_per_s: frame.rate_per_s, ...(stock && { stock }) });
      const { position, waiting, eta_s, chance } = frame;
      return waitingAt(told, { id: page.place.id, position, waiting, eta: eta_s, chance, at });
    }
    case 'ticket':
      return admitted(page, frame.ticket, Date.parse(frame.expires_at));
    case 'event': {
      const stock = page.event && { ...page.event.stock, remaining: frame.stock_remaining };
      return withEvent(page, { phase: frame.phase, sold_out: frame.sold_out, ...(stock && { stock }) });
    }
    case 'gone':
      return gone(page, frame.reason);
    case 'bye':
      return page;
  }
}

interface Heard {
  id: string;
  position: number | null;
  waiting: number;
  eta: Eta | null;
  chance: Chance | null;
  at: number;
}

/** A position never rises while a place is held: an answer overtaken on its way must not show. */
function waitingAt(page: Page, { id, position, waiting, eta, chance, at }: Heard): Page {
  const { place } = page;
  if (place.is === 'admitted' || place.is === 'redeemed') {
    return page;
  }
  const held = place.is === 'waiting' ? place.position : null;
  if (held !== null && position !== null && position > held) {
    return page;
  }
  return { ...page, place: { is: 'waiting', id, position, waiting, eta, chance, heardAt: at } };
}

function admitted(page: Page, ticket: string, expiresAt: number): Page {
  const { place } = page;
  if (place.is === 'redeemed' || (place.is === 'admitted' && place.ticket === ticket)) {
    return page;
  }
  return { ...page, place: { is: 'admitted', ticket, expiresAt, asking: 'no', trouble: null } };
}

/** A redemption that is under way is answered by the issuer alone, and a coupon stays. */
function gone(page: Page, reason: GoneReason): Page {
  const { place } = page;
  const kept = place.is === 'redeemed' || (place.is === 'admitted' && place.asking !== 'no');
  return kept || place.is === 'gone' ? page : { ...page, place: goneFrom(place, reason) };
}

function goneFrom(place: Place, reason: GoneReason): Place {
  return { is: 'gone', reason, ticketEnded: place.is === 'admitted' ? place.expiresAt : null };
}
