// Visits as use of a workspace: what people do by hand keeps it running, and what their pages ask by themselves does for a while.
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createUse } from '../../bot/ports/use.ts';
import type { Workspace } from '../../bot/database/types.ts';
import type { Browser } from './browser.ts';
import { openStand, type Stand } from './stand.ts';

const BY_HAND = { 'sec-fetch-mode': 'navigate', 'sec-fetch-user': '?1' };
const BY_ITSELF = [
  { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  { 'sec-fetch-mode': 'websocket' },
  {},
];
const HOUR = 3_600_000;
const SECOND = 1_000;

const workspaceOf = (id: string) => ({ id }) as Workspace;

function watch({ idleMs = 4 * HOUR, everyMs = 60 * SECOND } = {}) {
  const kept: string[] = [];
  const clock = { at: 0 };
  const keep = async ({ id }: Workspace) => void kept.push(`${id} ${clock.at / SECOND}`);
  const note = createUse({ idleMsOf: () => idleMs, keep, everyMs, now: () => clock.at }, { warn: () => {} });
  return { kept, clock, note };
}

test('a visit by hand counts, and is said once a minute', () => {
  const { kept, clock, note } = watch();
  for (const at of [0, 10, 59, 60, 100]) {
    clock.at = at * SECOND;
    note(workspaceOf('a'), BY_HAND);
  }
  note(workspaceOf('b'), BY_HAND);
  expect(kept).toEqual(['a 0', 'a 60', 'b 100']);
});

test.each(BY_ITSELF)(
  'what a page asks by itself (%j) counts for one idle time after somebody came',
  (headers) => {
    const { kept, clock, note } = watch();
    note(workspaceOf('a'), headers);
    expect(kept).toEqual([]);
    note(workspaceOf('a'), BY_HAND);
    for (const at of [3 * HOUR, 4 * HOUR, 4 * HOUR + 1, 5 * HOUR]) {
      clock.at = at;
      note(workspaceOf('a'), headers);
      note(workspaceOf('b'), headers);
    }
    expect(kept).toEqual(['a 0', 'a 10800', 'a 14400']);
    // Whoever comes back begins anew.
    note(workspaceOf('a'), BY_HAND);
    clock.at = 9 * HOUR;
    note(workspaceOf('a'), headers);
    expect(kept.slice(3)).toEqual(['a 18000', 'a 32400']);
  },
);

let stand: Stand;
let ann: Browser;
beforeAll(async () => {
  stand = await openStand();
  ann = await stand.browser(stand.workspace.owner);
  await ann.open(`${stand.origin()}/`);
});
afterAll(() => stand[Symbol.asyncDispose]());

const LONG_AGO = '2026-01-01T00:00:00.000Z';
beforeEach(async () => {
  await stand.rows.sql`update workspaces set last_activity_at = ${LONG_AGO} where id = ${stand.workspace.id}`;
});
const lastUsed = async () =>
  (
    await stand.rows.sql<
      { at: Date }[]
    >`select last_activity_at as at from workspaces where id = ${stand.workspace.id}`
  )[0]!.at.toISOString();

test('who opens a page of a port has used the workspace then', async () => {
  await ann.ask(`${stand.origin()}/echo`, { headers: BY_HAND });
  await expect.poll(lastUsed).not.toBe(LONG_AGO);
});

test('so has whoever opens a WebSocket of a page that they came to before', async () => {
  await ann.ask(`${stand.origin()}/echo`, { headers: BY_HAND });
  await expect.poll(lastUsed).not.toBe(LONG_AGO);
  await stand.rows.sql`update workspaces set last_activity_at = ${LONG_AGO} where id = ${stand.workspace.id}`;
  const socket = ann.connect(`${stand.origin()}/live`);
  await once(socket, 'open');
  await expect.poll(lastUsed).not.toBe(LONG_AGO);
});

test('who is not let in, or comes while it stops, has used nothing', async () => {
  const eve = await stand.browser(await stand.meet('none'));
  await eve.ask(`${stand.origin()}/`, { headers: BY_HAND });
  await stand.rows.sql`update workspaces set desired = 'stopped' where id = ${stand.workspace.id}`;
  await ann.ask(`${stand.origin()}/`, { headers: BY_HAND, agent: false });
  await stand.rows.sql`update workspaces set desired = 'running' where id = ${stand.workspace.id}`;
  expect(await lastUsed()).toBe(LONG_AGO);
});
