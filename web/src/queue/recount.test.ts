import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { DrawRecord } from './api';
import { check } from './recount';

const SEED = '5a'.repeat(32);
const sha = (...parts: (string | Buffer)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256'));
const sum = (id: string) => sha(Buffer.from(SEED, 'hex'), id).digest('hex');

/** So many places, as the server would have drawn them. */
function drawn(people: number): { record: DrawRecord; ids: string[]; list: string } {
  const ids = Array.from({ length: people }, (_, i) => `place-${i}`).sort((a, b) => (sum(a) < sum(b) ? -1 : 1));
  return { record: recordOf(ids), ids, list: listOf(ids) };
}

const listOf = (ids: string[]) => ids.map((id) => `${id}\n`).join('');
const recordOf = (ids: string[]): DrawRecord => ({
  seed: SEED,
  seed_origin: 'random',
  people: ids.length,
  drawn_at: '2026-11-21T10:00:00.000Z',
  digest: sha(listOf(ids)).digest('hex'),
});

test('a draw that was made by its seed is right, and tells everybody as which they were drawn', async () => {
  const { record, ids, list } = drawn(2100);
  expect(await check(record, list, ids[2050] ?? '')).toEqual({ is: 'right', drawn: 2051 });
  expect(await check(record, list, 'came later')).toEqual({ is: 'right', drawn: null });
});

test('somebody moved to the front, put in twice or left out is found, whatever the record says of its list', async () => {
  const { record, ids, list } = drawn(50);
  const favoured = [ids[30] ?? '', ...ids.filter((_, i) => i !== 30)];
  const twice = [...ids, ids[49] ?? ''];
  for (const others of [favoured, twice]) {
    expect(await check(recordOf(others), listOf(others), null)).toEqual({ is: 'wrong' });
  }
  expect(await check({ ...record, people: 51 }, list, null)).toEqual({ is: 'wrong' });
  expect(await check(record, listOf(ids.slice(1)), null)).toEqual({ is: 'wrong' });
  expect(await check({ ...record, people: 49 }, listOf(ids.slice(1)), null)).toEqual({ is: 'wrong' });
});
