/** The live figures: one socket, opened again with jitter when it goes. */

import { backoff } from '../backoff';
import { type Frame, liveAddress } from './api';
import type { Credential } from './credential';

const UNAUTHORIZED = 4401;

export interface Ears {
  figures(frame: Extract<Frame, { type: 'figures' }>): void;
  /** True while figures arrive. */
  live(live: boolean): void;
  unauthorized(): void;
}

export class Feed {
  readonly #credential: Credential;
  readonly #ears: Ears;
  #socket: WebSocket | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(credential: Credential, ears: Ears) {
    this.#credential = credential;
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
    let heard = false;
    socket.onopen = async () => {
      const token = await this.#credential.token();
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ type: 'hello', token }));
      }
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === 'bye') {
        wait = frame.retry_after_ms;
      } else {
        this.#failures = 0;
        heard = true;
        this.#ears.live(true);
        this.#ears.figures(frame);
      }
    };
    socket.onclose = async ({ code }) => {
      if (code === UNAUTHORIZED) {
        // A token that opened this socket has ended since; one that never did is no use.
        if (heard && (await this.#credential.renew())) {
          this.#connect();
        } else {
          this.#ears.unauthorized();
        }
        return;
      }
      this.#ears.live(false);
      this.#retry = setTimeout(() => this.#connect(), wait ?? backoff(this.#failures, Math.random()));
      this.#failures += 1;
    };
  }
}
