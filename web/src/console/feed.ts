/** The live figures: one socket, opened again with jitter when it goes. */

import { backoff } from '../backoff';
import { type Frame, liveAddress } from './api';

const UNAUTHORIZED = 4401;

export interface Ears {
  figures(frame: Extract<Frame, { type: 'figures' }>): void;
  /** True while figures arrive. */
  live(live: boolean): void;
  unauthorized(): void;
}

export class Feed {
  readonly #token: string;
  readonly #ears: Ears;
  #socket: WebSocket | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(token: string, ears: Ears) {
    this.#token = token;
    this.#ears = ears;
    this.#connect();
  }

  /** Ends quietly. */
  stop(): void {
    clearTimeout(this.#retry);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.close();
    }
  }

  /** The operator is back, or the network is. */
  wake(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      this.stop();
      this.#connect();
    }
  }

  #connect(): void {
    const socket = new WebSocket(liveAddress());
    this.#socket = socket;
    let wait: number | null = null;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', token: this.#token }));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === 'bye') {
        wait = frame.retry_after_ms;
      } else {
        this.#failures = 0;
        this.#ears.live(true);
        this.#ears.figures(frame);
      }
    };
    socket.onclose = ({ code }) => {
      if (code === UNAUTHORIZED) {
        this.#ears.unauthorized();
        return;
      }
      this.#ears.live(false);
      this.#retry = setTimeout(() => this.#connect(), wait ?? backoff(this.#failures, Math.random()));
      this.#failures += 1;
    };
  }
}
