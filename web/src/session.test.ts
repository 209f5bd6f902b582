import { afterEach, describe, expect, test, vi } from 'vitest';
import { Session } from './session';

const ANA = { account_id: 'acc_1', email: 'ana@example.org', name: null, role: 'user', created_at: '' };

/** A server that gives out token after token, each for so many seconds, and tells what it was asked. */
function server(expires_in_s = 600, refuses: (path: string, token: string | null) => string | null = () => null) {
  const asked: string[] = [];
  let token = 0;
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('fetch', async (path: string, { method, headers }: RequestInit) => {
    const shown = new Headers(headers).get('authorization');
    asked.push([method, path, shown?.replace('Bearer ', '')].filter(Boolean).join(' '));
    const problem = refuses(path, shown);
    if (problem !== null) {
      return new Response(JSON.stringify({ type: `/problems/${problem}` }), { status: 401 });
    }
    const opens = path.startsWith('/api/v1/sessions') && method === 'POST';
    token += opens ? 1 : 0;
    return new Response(JSON.stringify(opens ? { access_token: `t${token}`, expires_in_s, account: ANA } : {}));
  });
  return asked;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a session', () => {
  test('is renewed once for all who ask at the same time', async () => {
    const asked = server();
    const session = new Session();
    await Promise.all([session.renew(), session.renew(), session.token()]);
    expect(asked).toEqual(['POST /api/v1/sessions/refresh']);
    expect(session.account).toEqual(ANA);
  });

  test('is renewed by one tab at a time', async () => {
    const asked = server();
    const held: string[] = [];
    const request = vi.fn(async (name: string, act: () => Promise<unknown>) => {
      held.push(name);
      return act();
    });
    vi.stubGlobal('navigator', { locks: { request } });
    await new Session().renew();
    expect(held).toEqual(['stanchion-session']);
    expect(asked).toHaveLength(1);
  });

  test('is renewed before a call when its token is about to end', async () => {
    const asked = server(20);
    const session = new Session();
    await session.begin('ana@example.org', 'secret words');
    await session.call('GET', '/mine');
    expect(asked).toEqual(['POST /api/v1/sessions', 'POST /api/v1/sessions/refresh', 'GET /mine t2']);
  });

  test('asks again with a new token when the old one was ended', async () => {
    const asked = server(600, (path, token) => (path === '/mine' && token === 'Bearer t1' ? 'unauthorized' : null));
    const session = new Session();
    await session.begin('ana@example.org', 'secret words');
    const reply = await session.call('GET', '/mine');
    expect(reply.ok).toBe(true);
    expect(asked.slice(1)).toEqual(['GET /mine t1', 'POST /api/v1/sessions/refresh', 'GET /mine t2']);
  });

  test('is over when the server says so, and only then', async () => {
    server();
    const session = new Session();
    await session.begin('ana@example.org', 'secret words');
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')));
    await session.renew();
    expect(session.account).toEqual(ANA);
    server(600, () => 'session-ended');
    await session.renew();
    expect(session.account).toBeNull();
  });
});
