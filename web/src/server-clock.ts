/** The server's time on a machine whose own clock may be wrong. */

export class ServerClock {
  readonly #local: () => number;
  #ahead: number | null = null;

  constructor(local: () => number = Date.now) {
    this.#local = local;
  }

  /**
   * Hears a time the server wrote. It is always a little old when it arrives, so of all that was heard the one furthest
   * ahead is nearest the truth.
   */
  hear(at: string): void {
    const ahead = Date.parse(at) - this.#local();
    if (!Number.isNaN(ahead) && (this.#ahead === null || ahead > this.#ahead)) {
      this.#ahead = ahead;
    }
  }

  /** Now, in milliseconds. */
  now(): number {
    return this.#local() + (this.#ahead ?? 0);
  }
}
