/** Works a draw out again: ascending by SHA-256 of the seed's 32 bytes followed by the place id. */

import type { DrawRecord } from './api';

/** `drawn` is the place's own ordinal among the drawn; null when it was not among them. */
export type Checked = { is: 'right'; drawn: number | null } | { is: 'wrong' } | { is: 'unable' };

/** Digests that are under way at the same time. */
const AT_ONCE = 2000;

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

/** Does the list belong to the record, with every place once, in the order that the seed gives? */
export async function check(record: DrawRecord, list: string, place: string | null): Promise<Checked> {
  // Browsers keep their digests from pages that came over plain http.
  if (!globalThis.crypto?.subtle) {
    return { is: 'unable' };
  }
  const text = new TextEncoder();
  const ids = list.split('\n').slice(0, -1);
  const seed = Uint8Array.from(record.seed.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
  if (ids.length !== record.people || (await digest(text.encode(list))) !== record.digest) {
    return { is: 'wrong' };
  }
  let last = '';
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const sums = await Promise.all(some.map((id) => digest(Uint8Array.from([...seed, ...text.encode(id)]))));
    for (const sum of sums) {
      if (sum <= last) {
        return { is: 'wrong' };
      }
      last = sum;
    }
  }
  const at = place === null ? -1 : ids.indexOf(place);
  return { is: 'right', drawn: at < 0 ? null : at + 1 };
}
