/** One call over HTTP: what came back, as a value. */

/**
 * `problem` is the name at the end of an RFC 9457 `type`, or `unreachable` when nothing (readable) came back. `date` is the
 * server's own clock when it answered, to the second.
 */
export type Reply<T> = { retryAfterMs: number | null; date: string | null } & (
  | { ok: true; status: number; body: T }
  | { ok: false; problem: string; detail: string; more: Record<string, unknown> }
);

const PATIENCE_MS = 15_000;
/** A million codes over a slow line. */
const UPLOAD_MS = 600_000;

/** `Retry-After` in its seconds form; dates are not sent by our server. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after');
  const seconds = Number(value);
  return value !== null && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/**
 * Calls our own server. `body` is sent as JSON, a file as it is; `bearer` as the credential; `once` as the key by which the
 * server knows the same call again.
 */
export async function call<T>(
  method: string,
  path: string,
  bearer?: string,
  body?: unknown,
  once?: string,
): Promise<Reply<T>> {
  const headers: Record<string, string> = {};
  const file = body instanceof Blob;
  if (body !== undefined) {
    headers['content-type'] = file ? body.type : 'application/json';
  }
  if (bearer !== undefined) {
    headers.authorization = `Bearer ${bearer}`;
  }
  if (once !== undefined) {
    headers['idempotency-key'] = once;
  }
  try {
    const request: RequestInit = { method, headers, signal: AbortSignal.timeout(file ? UPLOAD_MS : PATIENCE_MS) };
    if (body !== undefined) {
      request.body = file ? body : JSON.stringify(body);
    }
    const response = await fetch(path, request);
    const text = await response.text();
    const parsed = text === '' ? {} : JSON.parse(text);
    const told = { retryAfterMs: retryAfter(response.headers), date: response.headers.get('date') };
    if (response.ok) {
      return { ok: true, status: response.status, body: parsed as T, ...told };
    }
    const problem = String(parsed.type ?? '').replace('/problems/', '') || 'unreachable';
    return { ok: false, problem, detail: String(parsed.detail ?? ''), more: parsed, ...told };
  } catch {
    return { ok: false, problem: 'unreachable', detail: '', more: {}, retryAfterMs: null, date: null };
  }
}
