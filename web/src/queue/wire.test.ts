import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Frame } from './api';
import { type Socket, Wire } from './wire';

const POSITION: Frame = {
  type: 'position',
  position: 3,
  waiting: 9,
  eta_s: null,
  chance: null,
  rate_per_s: 5,
  stock_remaining: 9,
  at: '2026-11-21T10:00:00.000Z',
};

/** A stage on which the other end of every socket is played by hand. */
function stage(answers: (number | null)[] = [], news = false, recovering = false) {
  const sockets: (Socket & { closed: boolean })[] = [];
  const links: string[] = [];
  const frames: Frame[] = [];
  const poll = vi.fn(async () => {
    const wait = answers.shift() ?? null;
    return wait === null ? null : { wait, news, recovering };
  });
  const wire = new Wire({
    open: () => {
      const socket = { onopen: null, onmessage: null, onclose: null, closed: false, close: () => {} };
      socket.close = () => {
        socket.closed = true;
      };
      sockets.push(socket);
      return socket;
    },
    poll,
    frame: (frame) => frames.push(frame),
    link: (link) => links.push(link),
    random: () => 0.5,
  });
  const last = () => sockets[sockets.length - 1];
  return {
    wire,
    sockets,
    links,
    frames,
    poll,
    say: (frame: Frame | string) =>
      last()?.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) }),
    cut: (code = 1006) => last()?.onclose?.({ code }),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a socket', () => {
  test('hands its frames on and is live from the first one', () => {
    const { wire, say, frames, links } = stage();
    wire.start();
    expect(links).toEqual([]);
    say(POSITION);
    say('not JSON');
    expect(frames).toEqual([POSITION]);
    expect(links).toEqual(['live']);
  });

  test('is opened once, however often the page starts it', () => {
    const { wire, sockets } = stage();
    wire.start();
    wire.start();
    expect(sockets).toHaveLength(1);
  });

  test('that is cut comes back after a jittered wait that grows', async () => {
    const { wire, sockets, cut, links } = stage();
    wire.start();
    cut();
    expect(links).toEqual(['lost']);
    await vi.advanceTimersByTimeAsync(249);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    cut();
    await vi.advanceTimersByTimeAsync(499);
    expect(sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(3);
  });

  test('that came up again starts its waits anew', async () => {
    const { wire, sockets, cut, say } = stage();
    wire.start();
    cut();
    await vi.advanceTimersByTimeAsync(250);
    say(POSITION);
    cut();
    await vi.advanceTimersByTimeAsync(250);
    expect(sockets).toHaveLength(3);
  });

  test('that was told goodbye comes back when it was asked to, and nothing is called lost', async () => {
    const { wire, sockets, cut, say, links } = stage();
    wire.start();
    say(POSITION);
    say({ type: 'bye', retry_after_ms: 850 });
    cut(1012);
    await vi.advanceTimersByTimeAsync(849);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    expect(links).toEqual(['live']);
  });

  test.each([4401, 4404])('closed with %i is not tried again: the place is asked for instead', async (code) => {
    const { wire, sockets, cut, poll } = stage([1000]);
    wire.start();
    cut(code);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(poll).toHaveBeenCalledTimes(1);
  });
});

describe('where no socket can be had', () => {
  test('the page polls at the pace it is told, and goes back to the socket when there is one', async () => {
    const { wire, cut, poll, links, say } = stage([2000, 2000, 2000, 2000]);
    wire.start();
    cut();
    await vi.advanceTimersByTimeAsync(250);
    cut();
    await vi.advanceTimersByTimeAsync(0);
    expect(poll).toHaveBeenCalledTimes(1);
    expect(links.at(-1)).toBe('polling');
    await vi.advanceTimersByTimeAsync(2000);
    expect(poll).toHaveBeenCalledTimes(2);
    say(POSITION);
    expect(links.at(-1)).toBe('live');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(poll).toHaveBeenCalledTimes(2);
  });

  test('and the server is on its way back, that is not called lost', async () => {
    const { wire, cut, links } = stage([2000], false, true);
    wire.start();
    cut();
    await vi.advanceTimersByTimeAsync(250);
    cut();
    await vi.advanceTimersByTimeAsync(0);
    expect(links.at(-1)).toBe('recovering');
  });

  test('and no answer either, it says so and goes on asking', async () => {
    const { wire, cut, poll, links } = stage();
    wire.start();
    cut();
    await vi.advanceTimersByTimeAsync(250);
    cut();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(poll.mock.calls.length).toBeGreaterThan(2);
    expect(links.every((link) => link === 'lost')).toBe(true);
  });
});

describe('coming back', () => {
  test('opens a lost socket at once', () => {
    const { wire, sockets, cut } = stage();
    wire.start();
    cut();
    wire.wake();
    expect(sockets).toHaveLength(2);
  });

  test('asks once over a live one, for it may have missed something', async () => {
    const { wire, sockets, say, poll } = stage([1000]);
    wire.start();
    say(POSITION);
    wire.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(poll).toHaveBeenCalledTimes(1);
    expect(sockets).toHaveLength(1);
  });
});

describe('silence', () => {
  test('is asked about after half a minute, and kept when the server is there', async () => {
    const { wire, sockets, say, poll, links } = stage([1000]);
    wire.start();
    say(POSITION);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(poll).toHaveBeenCalledTimes(1);
    expect(sockets).toHaveLength(1);
    expect(links).toEqual(['live']);
  });

  test('that hid news is a dead socket: another is opened at once', async () => {
    const { wire, sockets, say } = stage([1000], true);
    wire.start();
    say(POSITION);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  test('of a server that is away is a lost connection', async () => {
    const { wire, sockets, say, links } = stage([null]);
    wire.start();
    say(POSITION);
    await vi.advanceTimersByTimeAsync(30_250);
    expect(links).toEqual(['live', 'lost']);
    expect(sockets[0]?.closed).toBe(true);
    expect(sockets).toHaveLength(2);
  });
});

test('stopping leaves nothing behind', async () => {
  const { wire, sockets, cut, poll } = stage([1000]);
  wire.start();
  cut();
  wire.stop();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(sockets).toHaveLength(1);
  expect(poll).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
