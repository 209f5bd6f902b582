/** A server that plays scenes: the built pages under the real content security policy, and the API as a scene says. */

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { AccountScene } from './account-scenes';
import type { ConsoleScene } from './console-scenes';
import type { Refused, Scene } from './scenes';

const DIST = new URL('../dist/', import.meta.url);
const TYPES: Record<string, string> = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const POLICY = { 'content-security-policy': "default-src 'self'" };

export interface Theatre {
  url: string;
  /** The tickets shown to each event's redemptions, in order. */
  shown: Map<string, string[]>;
  close(): Promise<void>;
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
}

function answer(response: ServerResponse, told: object | Refused): void {
  if (told === 'silence') {
    response.destroy();
  } else if ('problem' in told) {
    const { status, problem, retryAfter, more } = told as Exclude<Refused, 'silence'>;
    const detail = 'Redeeming wants the ticket and the place token it was given to.';
    const headers: Record<string, string> = retryAfter ? { 'retry-after': String(retryAfter) } : {};
    send(response, status, { type: `/problems/${problem}`, title: problem, status, detail, ...more }, headers);
  } else {
    send(response, 200, told);
  }
}

function serveFile(path: string, response: ServerResponse): void {
  const type = TYPES[path.split('.').pop() ?? ''] ?? 'text/html';
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, ...POLICY });
  response.end(readFileSync(new URL(`.${path}`, DIST)));
}

function serveShell(scene: Scene, response: ServerResponse): void {
  const title = typeof scene.status === 'object' && 'title' in scene.status ? scene.status.title : 'Stanchion';
  const html = readFileSync(new URL('queue.html', DIST), 'utf8')
    .replaceAll('<!--stanchion:title-->', title)
    .replace('<!--stanchion:lang-->', 'en')
    .replace('<!--stanchion:head-->', '')
    .replace('<!--stanchion:fallback-->', '');
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...POLICY }).end(html);
}

function playDraw({ draw }: Scene, asText: boolean, response: ServerResponse): void {
  if (draw && asText) {
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(draw.list);
  } else {
    answer(response, draw ? { ...draw, list: undefined } : { status: 404, problem: 'not-found' });
  }
}

function playVisitor(scene: Scene, method: string, rest: string, response: ServerResponse): void {
  if (rest === '') {
    answer(response, scene.status);
  } else if (rest === '/places/me' && method === 'GET') {
    answer(response, scene.me);
  } else if (rest === '/places') {
    answer(response, scene.enter ?? scene.me);
  } else {
    response.writeHead(204).end();
  }
}

/** The answer to the call after `before` others. */
function playRedemption({ redeem = [] }: Scene, before: number, response: ServerResponse): void {
  const told = redeem[Math.min(before, redeem.length - 1)] ?? { status: 404, problem: 'not-found' };
  if (typeof told === 'object' && 'code' in told) {
    answer(response, {
      result: 'pass',
      event: 'demo',
      coupon: { code: told.code, serial: 17 },
      holder: 'kT9r2mB0QJmVwL0y8mYh1A',
      issued_at: '2026-11-21T10:00:03.120Z',
      record_id: 'demo.1.17',
      ack: 'ledger',
      replayed: false,
    });
  } else if (typeof told === 'object' && 'result' in told) {
    send(response, 202, told);
  } else {
    answer(response, told);
  }
}

/** What the account page is answered. */
function playAccount(scene: AccountScene, method: string, path: string, response: ServerResponse): void {
  const refusal = Object.entries(scene.refuses ?? {}).find(([end]) => path.endsWith(end))?.[1];
  const code = /^\/api\/v1\/books\/[^/]+\/coupons\/([^/]+)$/.exec(path)?.[1];
  const account = { account_id: 'acc_1', email: 'ana@example.org', name: null, role: 'user', created_at: '' };
  if (refusal) {
    answer(response, refusal);
  } else if (path.startsWith('/api/v1/sessions') && method === 'POST') {
    const opened = { access_token: 'header.claims.signature', expires_in_s: 600, account };
    answer(response, scene.signedIn ? opened : { status: 401, problem: 'session-ended' });
  } else if (path === '/api/v1/accounts/me/coupons') {
    answer(response, { items: scene.coupons, next: null });
  } else if (code && scene.live) {
    answer(response, scene.live(decodeURIComponent(code)));
  } else {
    answer(response, { status: 404, problem: 'not-found' });
  }
}

/** Opens the theatre on a free port of this machine. */
export async function open(
  scenes: Record<string, () => Scene>,
  consoleScenes: Record<string, ConsoleScene>,
  accountScenes: Record<string, AccountScene> = {},
): Promise<Theatre> {
  // What a visitor's id names: the scene, then `~` and anything that keeps visits apart.
  const sceneOf = (id: string) => scenes[id.split('~')[0] ?? '']?.();
  const dropped = new Set<string>();
  const shown = new Map<string, string[]>();
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'http://theatre');
    const [, id = '', rest = ''] = /^\/api\/v1\/events\/([^/]+)(.*)$/.exec(pathname) ?? [];
    const shell = sceneOf(/^\/e\/([^/]+)$/.exec(pathname)?.[1] ?? '');
    const scene = sceneOf(id);
    const stage = consoleScenes[/^\/console\/([^/]+)$/.exec(pathname)?.[1] ?? ''];
    // Calls of the account page, and figures, carry nothing that names their scene but the page they come from.
    const from = new URL(request.headers.referer ?? 'http://theatre/').pathname.split('/')[2] ?? '';
    const account = accountScenes[from];
    if (pathname.startsWith('/assets/')) {
      serveFile(pathname, response);
    } else if (accountScenes[/^\/account\/([^/]+)$/.exec(pathname)?.[1] ?? '']) {
      serveFile('/account.html', response);
    } else if (account) {
      playAccount(account, request.method ?? 'GET', pathname, response);
    } else if (pathname === '/api/v1/sessions/refresh' && consoleScenes[from]?.operator) {
      const operator = { account_id: 'acc_3', email: 'olga@example.org', name: null, role: 'operator', created_at: '' };
      send(response, 200, { access_token: from, expires_in_s: 600, account: operator });
    } else if (pathname === '/metrics') {
      const unexplained = from.endsWith('unexplained') ? 2 : 0;
      response.end(`stanchion_unexplained ${unexplained}\nstanchion_unexplained_age_s 4.2\n`);
    } else if (stage) {
      serveFile('/console.html', response);
    } else if (shell) {
      serveShell(shell, response);
    } else if (pathname.startsWith('/api/v1/admin/')) {
      const played = consoleScenes[request.headers.authorization?.replace('Bearer ', '') ?? ''];
      const told = played?.answer(request.method ?? 'GET', pathname.replace('/api/v1/admin', ''));
      answer(response, told ?? { status: 401, problem: 'unauthorized' });
    } else if (scene && rest === '/draw') {
      playDraw(scene, request.headers.accept === 'text/plain', response);
    } else if (scene && rest === '/redemptions') {
      const before = shown.get(id) ?? [];
      shown.set(id, [...before, request.headers.authorization ?? '']);
      playRedemption(scene, before.length, response);
    } else if (scene) {
      const away = dropped.has(id);
      playVisitor(away ? { ...scene, me: 'silence' } : scene, request.method ?? 'GET', rest, response);
    } else {
      send(response, 404, { type: '/problems/not-found' });
    }
  };
  const server = createServer(handle);
  const sockets = playSockets(server, sceneOf, consoleScenes, dropped);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shown,
    close: () =>
      new Promise((done) => {
        for (const socket of sockets.clients) {
          socket.terminate();
        }
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

function playSockets(
  server: Server,
  sceneOf: (id: string) => Scene | undefined,
  consoleScenes: Record<string, ConsoleScene>,
  dropped: Set<string>,
): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    const id = /^\/api\/v1\/events\/([^/]+)\//.exec(request.url ?? '')?.[1] ?? '';
    if (dropped.has(id)) {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (live) => {
      for (const frame of sceneOf(id)?.frames ?? []) {
        if (frame === 'drop') {
          dropped.add(id);
          setTimeout(() => live.terminate(), 100);
        } else {
          live.send(JSON.stringify(frame));
        }
      }
      live.on('message', (text) => {
        const hello = JSON.parse(String(text)) as { type: string; token?: string };
        const played = consoleScenes[hello.token ?? ''];
        if (!played || dropped.has(hello.token ?? '')) {
          live.close(played ? 1011 : 4401);
          return;
        }
        played.play((frame) => live.send(JSON.stringify(frame)));
        if (played.drop) {
          dropped.add(hello.token ?? '');
          live.close(1011);
        }
      });
    });
  });
  return sockets;
}
