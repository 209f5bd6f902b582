/** What opens the ops door: the admin token, or a session of an operator or admin. */

import { type Role, Session } from '../session';

const KEY = 'stanchion-admin-token';
/** Tells a tab that came back that it was signed in by account; the session itself is the cookie's. */
const SIGNED_IN = 'stanchion-signed-in';

export interface Credential {
  /** As people know it. */
  readonly name: string;
  /** As it stands in the audit. */
  readonly by: string;
  readonly role: Role;
  /** What to show as `Bearer`. */
  token(): Promise<string>;
  /** Tries to go on after a refusal; false when that is no use. */
  renew(): Promise<boolean>;
  /** Gives it up. */
  forget(): Promise<void>;
}

/** The token of the first start. */
export class AdminToken implements Credential {
  readonly name = '';
  readonly by = 'admin';
  readonly role = 'admin';
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Keeps it for this tab. */
  keep(): void {
    sessionStorage.setItem(KEY, this.#token);
  }

  async token(): Promise<string> {
    return this.#token;
  }

  async renew(): Promise<boolean> {
    return false;
  }

  async forget(): Promise<void> {
    sessionStorage.removeItem(KEY);
  }
}

/** Somebody who signed in. */
export class Staff implements Credential {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  keep(): void {
    sessionStorage.setItem(SIGNED_IN, '1');
  }

  get name(): string {
    return this.#session.account?.email ?? '';
  }

  get by(): string {
    return this.#session.account?.account_id ?? '';
  }

  get role(): Role {
    return this.#session.account?.role ?? 'user';
  }

  token(): Promise<string> {
    return this.#session.token();
  }

  async renew(): Promise<boolean> {
    return (await this.#session.renew()).ok;
  }

  async forget(): Promise<void> {
    sessionStorage.removeItem(SIGNED_IN);
    await this.#session.end();
  }
}

/** The credential that this tab was opened with before, if it still opens. */
export async function held(): Promise<Credential | null> {
  const token = sessionStorage.getItem(KEY);
  if (token !== null) {
    return new AdminToken(token);
  }
  const session = new Session();
  return sessionStorage.getItem(SIGNED_IN) !== null && (await session.renew()).ok ? new Staff(session) : null;
}
