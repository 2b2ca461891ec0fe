// How much programs may ask, and what they need not hear twice.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestLimit, MAX_REQUESTS, SPAN_MS } from '../../bot/chat/api/limit.ts';
import { startPrograms, type Programs } from './programs.ts';

describe('the limit', () => {
  test('counts each person apart, says what is left, and begins anew after its span', () => {
    let now = 1_000;
    const limit = createRequestLimit(() => now);
    expect(limit('ada')).toEqual({
      isOver: false,
      headers: { 'ratelimit-policy': '"requests";q=600;w=60', ratelimit: '"requests";r=599;t=60' },
    });
    now += 20_500;
    for (let n = 1; n < MAX_REQUESTS - 1; n++) limit('ada');
    expect(limit('ada')).toMatchObject({ isOver: false, headers: { ratelimit: '"requests";r=0;t=40' } });
    expect(limit('ada')).toMatchObject({ isOver: true, headers: { 'retry-after': '40' } });
    expect(limit('bob').isOver).toBe(false);
    now = 1_000 + SPAN_MS;
    expect(limit('ada').isOver).toBe(false);
  });
});

describe('over HTTP', () => {
  let all: Programs;
  beforeAll(async () => void (all = await startPrograms()));
  afterAll(() => all[Symbol.asyncDispose]());

  test('what is read is not sent again while it is as it was', async () => {
    const bob = await all.programOf('bob');
    const { id } = (await bob('POST /api/workspaces', { json: { repository: 'acme/api', ref: 'main' } }))
      .body;
    await all.context.settle();
    const first = await bob('GET /api/workspaces');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await bob('GET /api/workspaces', { headers: { 'if-none-match': known } });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    await bob(`PATCH /api/workspaces/${id}`, { json: { name: 'changed' } });
    const changed = await bob('GET /api/workspaces', { headers: { 'if-none-match': etag } });
    expect(changed).toMatchObject({ status: 200, body: { items: [{ name: 'changed' }] } });
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  test('each answer says what is left; over it nothing is done, and nobody else notices', async () => {
    const eve = await all.programOf('eve');
    const left = async () =>
      /r=(\d+)/.exec((await eve('GET /api/auth/me')).headers.get('ratelimit') ?? '')?.[1];
    expect([await left(), await left()]).toEqual(['599', '598']);
    for (let n = 0; n < MAX_REQUESTS / 50; n++)
      await Promise.all(Array.from({ length: 50 }, () => eve('GET /api/auth/me')));
    const late = await eve('POST /api/workspaces', { json: { repository: 'acme/api' } });
    expect(late).toMatchObject({ status: 429, body: { error: 'too-many-requests' } });
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await (await all.programOf('bob'))('GET /api/auth/me')).status).toBe(200);
  });
});
