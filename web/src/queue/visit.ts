/** One visit: speaks to the server and tells the page what happened. It shows nothing itself. */

import { backoff } from '../backoff';
import { AGAIN } from '../once';
import type { Reply } from '../reply';
import { ServerClock } from '../server-clock';
import {
  Api,
  type DrawRecord,
  type Frame,
  type GoneReason,
  type Pass,
  type Pending,
  type Phase,
  type PlaceStatus,
} from './api';
import { entryTokenIn, forgetEntryToken } from './entry';
import { after, type Link, type News, type Page, type Place, START } from './page';
import { type Answer, type Socket, Wire } from './wire';

/** How often somebody without a place looks whether the doors have opened, before jitter. */
const LOOK_MS = 5000;

/** What a refusal to enter says about the event. */
const REFUSED: Record<string, { phase: Phase; soldOut: boolean }> = {
  'not-open-yet': { phase: 'draft', soldOut: false },
  'sold-out': { phase: 'draining', soldOut: true },
  'line-closed': { phase: 'draining', soldOut: false },
  'event-closed': { phase: 'closed', soldOut: false },
};

/** What a refused ticket means for the place. */
const LOST: Record<string, GoneReason> = {
  'sold-out': 'sold-out',
  'event-closed': 'closed',
};

export class Visit {
  readonly clock = new ServerClock();
  page: Page = START;
  readonly #api: Api;
  readonly #changed: () => void;
  readonly #wire: Wire;
  #looking: ReturnType<typeof setTimeout> | undefined;
  /** The id of the place that was last heard of. */
  placeId: string | null = null;

  constructor(event: string, changed: () => void) {
    this.#api = new Api(event);
    this.#changed = changed;
    this.#wire = new Wire({
      open: () => new WebSocket(this.#api.live) as Socket,
      poll: () => this.#sync(),
      frame: (frame) => this.#frame(frame),
      link: (link) => this.#tell({ is: 'link', link }),
      random: Math.random,
    });
  }

  /** Finds out where the visitor stands. */
  async begin(): Promise<void> {
    await Promise.all([this.#look(), this.#sync()]);
    this.#watch();
  }

  /** The person is back, or the network is. */
  wake(): void {
    const { is } = this.page.place;
    if (is === 'waiting' || is === 'admitted') {
      this.#wire.wake();
    } else if (is === 'none' || is === 'unasked') {
      void this.#lookAgain();
    }
  }

  /** Enters the line, and keeps trying while the server asks for patience. */
  async enter(): Promise<void> {
    this.#tell({ is: 'entering', held: 'nothing' });
    for (let failures = 0; ; failures += 1) {
      const reply = await this.#api.enter(entryTokenIn(location.hash));
      if (reply.ok) {
        forgetEntryToken();
        this.#place(reply.body);
        return;
      }
      const refused = REFUSED[reply.problem];
      if (refused) {
        this.#tell({ is: 'refused', ...refused });
        this.#watch();
        return;
      }
      if (reply.problem === 'no-such-event') {
        this.#tell({ is: 'unknown-event' });
        return;
      }
      if (!AGAIN.includes(reply.problem)) {
        this.#tell({ is: 'not-entered', problem: reply.problem });
        this.#watch();
        return;
      }
      this.#tell({ is: 'entering', held: reply.problem === 'try-again' ? 'recovery' : 'crowd' });
      await rest(reply, failures);
    }
  }

  /** Gives the place up. True when the server knows it. */
  async leave(): Promise<boolean> {
    const reply = await this.#api.leave();
    if (reply.ok || reply.problem === 'no-place') {
      this.#wire.stop();
      this.#tell({ is: 'gone', reason: 'left' });
      return true;
    }
    return false;
  }

  /** Exchanges the ticket for a coupon; a lost answer is asked for again with the same ticket until it is known. */
  async redeem(): Promise<void> {
    const { place } = this.page;
    if (place.is !== 'admitted' || place.asking !== 'no') {
      return;
    }
    this.#tell({ is: 'asking', again: false });
    const { ticket } = place;
    const reply = await this.#untilKnown(() => this.#api.redeem(ticket));
    const lost = reply.ok ? undefined : LOST[reply.problem];
    if (reply.ok) {
      this.#issued(reply.body);
    } else if (lost) {
      this.#over(lost);
    } else if (reply.problem === 'ticket-expired') {
      await this.#lapsed(ticket);
    } else if (reply.problem === 'already-issued') {
      await this.#recall();
    } else {
      this.#tell({ is: 'trouble', problem: reply.problem });
    }
  }

  /**
   * The server will not have the ticket any more. A store that was put back may have forgotten the admission: then the place is
   * in line again, or has another ticket. Otherwise its time is over.
   */
  async #lapsed(ticket: string): Promise<void> {
    const reply = await this.#api.me();
    if (!reply.ok && AGAIN.includes(reply.problem)) {
      this.#tell({ is: 'trouble', problem: reply.problem });
    } else if (reply.ok && (reply.body.state === 'waiting' || (reply.body.ticket ?? ticket) !== ticket)) {
      this.#tell({ is: 'no-place' });
      this.#place(reply.body);
    } else {
      this.#over('no-show');
    }
  }

  /** How the lobby was drawn. */
  draw(): Promise<Reply<DrawRecord>> {
    return this.#api.draw();
  }

  /** The places in drawn order; null when the list could not be had. */
  drawList(): Promise<string | null> {
    return this.#api.drawList();
  }

  /** The ticket's time is over by the page's clock: the server says whether that is so. */
  async expired(): Promise<void> {
    await this.#sync();
  }

  async #recall(): Promise<void> {
    const reply = await this.#untilKnown(() => this.#api.redemption());
    if (reply.ok) {
      this.#issued(reply.body);
    } else {
      this.#tell({ is: 'trouble', problem: reply.problem });
    }
  }

  /** Asks until the answer is a pass or a refusal. */
  async #untilKnown(ask: () => Promise<Reply<Pass | Pending>>): Promise<Reply<Pass>> {
    for (let failures = 0; ; failures += 1) {
      const reply = await ask();
      if (reply.ok) {
        const { body } = reply;
        if (body.result === 'pass') {
          return { ...reply, body };
        }
      } else if (!AGAIN.includes(reply.problem)) {
        return reply;
      }
      this.#tell({ is: 'asking', again: true });
      await rest(reply, failures);
    }
  }

  #issued(pass: Pass): void {
    this.#wire.stop();
    this.#tell({ is: 'pass', pass });
  }

  #over(reason: GoneReason): void {
    this.#wire.stop();
    this.#tell({ is: 'gone', reason });
  }

  async #look(): Promise<void> {
    const reply = await this.#api.status();
    if (reply.ok) {
      this.clock.hear(reply.body.at);
      this.#tell({ is: 'event', status: reply.body });
    } else if (reply.problem === 'no-such-event') {
      this.#tell({ is: 'unknown-event' });
    } else if (!this.page.event) {
      this.#tell({ is: 'link', link: missing(reply.problem) });
    }
  }

  /** Asks where the visitor stands; null when nobody answered. */
  async #sync(): Promise<Answer | null> {
    const before = this.page.place;
    const reply = await this.#api.me();
    if (reply.ok) {
      this.#place(reply.body);
      return { wait: reply.retryAfterMs ?? reply.body.poll_after_ms, news: moved(before, this.page.place) };
    }
    if (reply.problem === 'no-place') {
      this.#wire.stop();
      this.#tell({ is: 'no-place' });
      this.#watch();
      return { wait: LOOK_MS, news: true };
    }
    if (this.page.place.is === 'unasked') {
      this.#tell({ is: 'link', link: missing(reply.problem) });
    }
    const wait = reply.retryAfterMs ?? LOOK_MS;
    return reply.problem === 'unreachable' ? null : { wait, news: false, recovering: reply.problem === 'try-again' };
  }

  #place(status: PlaceStatus): void {
    this.placeId = status.place_id;
    this.#tell({ is: 'place', status, at: this.clock.now() });
    const { place } = this.page;
    if (place.is === 'waiting' || place.is === 'admitted') {
      this.#wire.start();
    } else {
      this.#wire.stop();
    }
    if (place.is === 'redeemed' && !place.pass) {
      void this.#recall();
    }
  }

  #frame(frame: Frame): void {
    if (frame.type === 'position') {
      this.clock.hear(frame.at);
    }
    this.#tell({ is: 'frame', frame, at: this.clock.now() });
    if (this.page.place.is === 'gone') {
      this.#wire.stop();
      void this.#look();
    }
  }

  /** While the visitor has no place, looks now and then whether the event has changed. */
  #watch(): void {
    clearTimeout(this.#looking);
    if (this.page.place.is === 'none' || this.page.place.is === 'unasked') {
      this.#looking = setTimeout(() => void this.#lookAgain(), LOOK_MS * (1 + Math.random()));
    }
  }

  async #lookAgain(): Promise<void> {
    await Promise.all([this.#look(), this.page.place.is === 'unasked' ? this.#sync() : null]);
    this.#watch();
  }

  #tell(news: News): void {
    this.page = after(this.page, news);
    this.#changed();
  }
}

/** A server that asks to try again is there, and so is the place: only a part of it is on its way back. */
function missing(problem: string): Link {
  return problem === 'try-again' ? 'recovering' : 'lost';
}

/** Did the person get anywhere? */
function moved(before: Place, now: Place): boolean {
  return before.is !== now.is || (before.is === 'waiting' && now.is === 'waiting' && before.position !== now.position);
}

/** Waits as long as the server asks, else with growing jitter; never less than a moment. */
function rest(reply: Reply<unknown>, failures: number): Promise<void> {
  const wait = reply.retryAfterMs ?? 500 + backoff(failures, Math.random());
  return new Promise((done) => setTimeout(done, wait));
}
