import { afterEach, describe, expect, test, vi } from 'vitest';
import { Visit } from './visit';

const PLACE = {
  place_id: 'p',
  position: 3,
  waiting: 9,
  phase: 'open',
  eta_s: null,
  chance: null,
  poll_after_ms: 60_000,
};
const ENDS = new Date(Date.now() + 60_000).toISOString();

/** A server where each look at the place finds the next of `places`, and every ticket is refused as over. */
function server(places: object[]) {
  vi.stubGlobal('location', { origin: 'http://drop.example' });
  vi.stubGlobal(
    'WebSocket',
    class {
      close() {}
    },
  );
  vi.stubGlobal('fetch', async (path: string, { method }: RequestInit = {}) => {
    if (method === 'POST') {
      return new Response('{"type":"/problems/ticket-expired"}', { status: 401 });
    }
    const mine = path.endsWith('/places/me');
    return new Response(JSON.stringify(mine ? { ...PLACE, ...places.shift() } : { phase: 'open', at: ENDS }));
  });
}

const letIn = (ticket: string) => ({ state: 'admitted', ticket, ticket_expires_at: ENDS });

async function refused(...places: object[]) {
  server([letIn('old'), ...places]);
  const visit = new Visit('demo', () => {});
  await visit.begin();
  await visit.redeem();
  return visit.page.place;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a ticket that the server will not have any more', () => {
  test('gives way to the one that the place has now', async () => {
    expect(await refused(letIn('new'))).toMatchObject({ is: 'admitted', ticket: 'new', asking: 'no' });
  });

  test('leaves a place in line that was put back there', async () => {
    expect(await refused({ state: 'waiting' })).toMatchObject({ is: 'waiting', position: 3 });
  });

  test('is over when the place has no other', async () => {
    expect(await refused(letIn('old'))).toMatchObject({ is: 'gone', reason: 'no-show' });
    expect(await refused({ state: 'gone', reason: 'no-show' })).toMatchObject({ is: 'gone', reason: 'no-show' });
  });
});
