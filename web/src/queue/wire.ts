/** Keeps the page told: a live socket, polling where there is none, and coming back without a stampede. */

import { backoff } from '../backoff';
import type { Frame } from './api';
import type { Link } from './page';

/** The few parts of a WebSocket that are used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((close: { code: number }) => void) | null;
  close(): void;
}

/** What asking over HTTP brought: when to ask again, and whether it told something new. */
export interface Answer {
  wait: number;
  news: boolean;
  /** The server is there, but a part of it is on its way back: nobody can say where the person stands. */
  recovering?: boolean;
}

export interface Ends {
  open(): Socket;
  /** Asks for the place over HTTP; null when nobody answered. */
  poll(): Promise<Answer | null>;
  frame(frame: Frame): void;
  link(link: Link): void;
  random(): number;
}

/** The server says the token has no place (4404), or none was shown (4401): asking again by socket is pointless. */
const NO_PLACE = [4401, 4404];
/** Failures in a row before the page stops hoping for a socket and polls. */
const PATIENCE = 2;
/** A socket silent for this long, twice the longest pause between positions, may be dead without knowing; one question tells. */
const SILENCE_MS = 30_000;

type Timer = ReturnType<typeof setTimeout>;

export class Wire {
  readonly #ends: Ends;
  #socket: Socket | null = null;
  #heard = false;
  #failures = 0;
  #bye: number | null = null;
  #retry: Timer | undefined;
  #polling: Timer | undefined;
  #silence: Timer | undefined;
  #running = false;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** Begins; calling it again while it runs changes nothing. */
  start(): void {
    if (!this.#running) {
      this.#running = true;
      this.#failures = 0;
      this.#connect();
    }
  }

  /** Ends quietly. */
  stop(): void {
    this.#running = false;
    for (const timer of [this.#retry, this.#polling, this.#silence]) {
      clearTimeout(timer);
    }
    this.#polling = undefined;
    this.#drop();
  }

  /** The person is back, or the network is: the truth now, whatever the timers say. */
  wake(): void {
    if (!this.#running) {
      return;
    }
    if (this.#socket && this.#heard) {
      void this.#question('back');
    } else {
      clearTimeout(this.#retry);
      this.#connect();
    }
  }

  #connect(): void {
    this.#drop();
    this.#heard = false;
    this.#bye = null;
    const socket = this.#ends.open();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#message(data);
    socket.onclose = ({ code }) => this.#closed(code);
  }

  #drop(): void {
    if (this.#socket) {
      this.#socket.onmessage = null;
      this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  #message(data: unknown): void {
    const frame = read(data);
    if (!frame) {
      return;
    }
    this.#listen();
    if (!this.#heard) {
      this.#heard = true;
      this.#failures = 0;
      clearTimeout(this.#polling);
      this.#polling = undefined;
      this.#ends.link('live');
    }
    if (frame.type === 'bye') {
      this.#bye = frame.retry_after_ms;
    }
    this.#ends.frame(frame);
  }

  #closed(code: number): void {
    this.#socket = null;
    clearTimeout(this.#silence);
    if (!this.#running) {
      return;
    }
    if (NO_PLACE.includes(code)) {
      void this.#ends.poll();
      this.stop();
      return;
    }
    const wait = this.#bye ?? backoff(this.#failures, this.#ends.random());
    // A server that says goodbye is expected back: nothing is lost yet, and nothing is said.
    if (this.#bye === null) {
      this.#failures += 1;
      if (!this.#polling) {
        this.#ends.link('lost');
      }
    }
    if (this.#failures >= PATIENCE && !this.#polling) {
      this.#pollAfter(0);
    }
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #pollAfter(wait: number): void {
    this.#polling = setTimeout(async () => {
      const answer = await this.#ends.poll();
      // A socket that came up meanwhile has cleared the timer: the answer was welcome, the next question is not needed.
      if (this.#running && this.#polling) {
        this.#ends.link(answer === null ? 'lost' : answer.recovering ? 'recovering' : 'polling');
        this.#pollAfter(answer?.wait ?? backoff(this.#failures, this.#ends.random()) + 1000);
      }
    }, wait);
  }

  /** Starts the wait for silence anew. */
  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => void this.#question('silence'), SILENCE_MS);
  }

  async #question(why: 'back' | 'silence'): Promise<void> {
    const socket = this.#socket;
    const answer = await this.#ends.poll();
    if (!this.#running || socket !== this.#socket || !socket) {
      return;
    }
    if (answer === null) {
      // No answer by HTTP either: the socket is taken for dead, and closing it starts the way back.
      this.#drop();
      this.#closed(1006);
    } else if (why === 'silence' && answer.news) {
      // The socket should have told this: it is dead, the server is not.
      this.#connect();
    } else {
      this.#listen();
    }
  }
}

function read(data: unknown): Frame | null {
  try {
    return typeof data === 'string' ? (JSON.parse(data) as Frame) : null;
  } catch {
    return null;
  }
}
