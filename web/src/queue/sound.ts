/** Two soft notes when it is your turn, for those who asked for them. */

const KEY = 'stanchion-sound';
/** Where a phone is silent: shake, rest, shake. */
const BUZZ_MS = [300, 150, 300];

export class Sound {
  #context: AudioContext | null = null;

  /** Does the person want to hear it? Kept between visits. */
  get wanted(): boolean {
    try {
      return localStorage.getItem(KEY) === 'on';
    } catch {
      return this.#context !== null;
    }
  }

  /** Switches; switching on plays it once, so that one knows what to expect. */
  want(wanted: boolean): void {
    try {
      localStorage.setItem(KEY, wanted ? 'on' : 'off');
    } catch {
      // Storage is switched off: the choice lasts as long as the page.
    }
    if (wanted) {
      this.ready();
      this.play();
    } else {
      void this.#context?.close();
      this.#context = null;
    }
  }

  /** Browsers let a page make sound only after a person has touched it: call this from a touch. */
  ready(): void {
    if (this.wanted) {
      this.#context ??= new AudioContext();
      void this.#context.resume();
    }
  }

  play(): void {
    const context = this.#context;
    if (!context || !this.wanted) {
      return;
    }
    navigator.vibrate?.(BUZZ_MS);
    [523.25, 783.99].forEach((pitch, i) => {
      const note = context.createOscillator();
      const volume = context.createGain();
      const start = context.currentTime + i * 0.28;
      note.frequency.value = pitch;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.16, start + 0.04);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 1.1);
      note.connect(volume).connect(context.destination);
      note.start(start);
      note.stop(start + 1.2);
    });
  }
}
