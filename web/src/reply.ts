/** One call over HTTP: what came back, as a value. */

/** `problem` is the name at the end of an RFC 9457 `type`, or `unreachable` when nothing (readable) came back. */
export type Reply<T> =
  | { ok: true; status: number; body: T; retryAfterMs: number | null }
  | { ok: false; problem: string; detail: string; more: Record<string, unknown>; retryAfterMs: number | null };

const PATIENCE_MS = 15_000;

/** `Retry-After` in its seconds form; dates are not sent by our server. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after');
  const seconds = Number(value);
  return value !== null && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/** Calls our own server. `body` is sent as JSON; `bearer` as the credential. */
export async function call<T>(method: string, path: string, bearer?: string, body?: unknown): Promise<Reply<T>> {
  const headers: Record<string, string> = {};
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
  }
  if (bearer !== undefined) {
    headers.authorization = `Bearer ${bearer}`;
  }
  try {
    const request: RequestInit = { method, headers, signal: AbortSignal.timeout(PATIENCE_MS) };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
    }
    const response = await fetch(path, request);
    const text = await response.text();
    const parsed = text === '' ? {} : JSON.parse(text);
    const retryAfterMs = retryAfter(response.headers);
    if (response.ok) {
      return { ok: true, status: response.status, body: parsed as T, retryAfterMs };
    }
    const problem = String(parsed.type ?? '').replace('/problems/', '') || 'unreachable';
    return { ok: false, problem, detail: String(parsed.detail ?? ''), more: parsed, retryAfterMs };
  } catch {
    return { ok: false, problem: 'unreachable', detail: '', more: {}, retryAfterMs: null };
  }
}
