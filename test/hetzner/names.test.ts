// The sweep of the DNS, over a fake Cloudflare: what no row wants goes, what is others' stays, what is wrong is looked at.
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect, type Database } from '../../bot/database/connect.ts';
import { events, nodes, users } from '../../bot/database/schema.ts';
import { createCloudflareDns } from '../../bot/dns/cloudflare/cloudflare.ts';
import { newUserId } from '../../bot/ids.ts';
import { sweepNames } from '../../bot/workspaces/sweeps/names.ts';
import { timingFrom } from '../../bot/workspaces/timing.ts';
import { startFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/cloudflare.ts';
import { freshDatabase } from '../postgres.ts';
import { findNode } from '../../bot/workspaces/store/nodes.ts';

const DOMAIN = 'nodes.sam.example';
let cloudflare: FakeCloudflare;
let database: Database;
let drop: () => Promise<void>;
let owner: string;

beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  database = await connect(fresh.url);
  owner = newUserId();
  await database.db.insert(users).values({ id: owner, name: 'ada' });
});
afterAll(async () => {
  await database.close();
  await drop();
});
beforeEach(async () => {
  cloudflare = await startFakeCloudflare();
  await database.db.delete(nodes);
  await database.db.delete(events);
  return () => cloudflare.close();
});

/** `afterList`: what happens between the list and the fresh look. */
function sweep(afterList: () => Promise<void> | void = () => undefined): Promise<void> {
  const { token, zoneId, baseUrl } = cloudflare;
  const dns = createCloudflareDns({
    token,
    zoneId,
    baseUrl,
    domain: DOMAIN,
    installation: 'ours',
    timeoutMs: 5_000,
  });
  const log = pino({ level: 'silent' });
  const list = async () => {
    const records = await dns.list();
    await afterList();
    return records;
  };
  return sweepNames({
    db: database.db,
    dns: { ...dns, list },
    provider: { name: 'hetzner' },
    timing: timingFrom(),
    log,
  });
}

async function addNode(id: string, phase: 'ready' | 'deleted', address = '192.0.2.1'): Promise<void> {
  const row = { id, name: `vm-${id.slice(3)}`, owner, phase, address, provider: 'hetzner' } as const;
  await database.db.insert(nodes).values({ ...row, size: 'small', desired: 'running', nextAt: null });
}

const record = (label: string, node: string, patch: Parameters<FakeCloudflare['insert']>[0] | object = {}) =>
  cloudflare.insert({
    name: `${label}.${DOMAIN}`,
    proxied: true,
    comment: `managed-by=sam sam-installation=ours sam-node=${node}`,
    ...patch,
  });
const names = (): string[] => cloudflare.records().map(({ name }) => name.replace(`.${DOMAIN}`, ''));
const isDue = async (id: string): Promise<boolean> => (await findNode(database.db, id))?.nextAt !== null;

test('a record of a node that is gone, or that nobody knows, is deleted after a fresh look', async () => {
  await addNode('nd-gone', 'deleted');
  record('vm-gone', 'nd-gone');
  record('vm-lost', 'nd-lost');
  await sweep();
  expect(names()).toEqual([]);
  const noted = await database.sql`select entity, type from events where type = 'swept' order by entity`;
  expect([...noted]).toEqual([
    { entity: 'nd-gone', type: 'swept' },
    { entity: 'nd-lost', type: 'swept' },
  ]);
});

test('a fresh look that does not agree with the list keeps the record', async () => {
  const changed = record('vm-changed', 'nd-lost');
  const replaced = record('vm-replaced', 'nd-lost');
  await sweep(async () => {
    changed.comment = changed.comment!.replace('nd-lost', 'nd-else');
    const url = `${cloudflare.baseUrl}/zones/${cloudflare.zoneId}/dns_records/${replaced.id}`;
    await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${cloudflare.token}` } });
    record('vm-replaced', 'nd-lost');
  });
  expect(names()).toEqual(['vm-changed', 'vm-replaced']);
});

test('what is young, of a living node, of another installation or of somebody else is left alone', async () => {
  await addNode('nd-made', 'ready');
  record('vm-young', 'nd-x', { created: new Date() });
  record('vm-made', 'nd-made');
  record('vm-renamed', 'nd-made');
  record('vm-theirs', 'nd-y', { comment: 'managed-by=sam sam-installation=theirs sam-node=nd-y' });
  record('www', 'nd-z', { comment: null });
  const before = names();
  await sweep();
  expect(names()).toEqual(before);
  expect(await isDue('nd-made')).toBe(false);
});

test('a node whose record is missing, bare or leads elsewhere is looked at again', async () => {
  await addNode('nd-good', 'ready');
  record('vm-good', 'nd-good');
  await addNode('nd-missing', 'ready');
  await addNode('nd-bare', 'ready');
  record('vm-bare', 'nd-bare', { proxied: false });
  await addNode('nd-moved', 'ready', '192.0.2.9');
  record('vm-moved', 'nd-moved');
  await addNode('nd-double', 'ready');
  record('vm-double', 'nd-double');
  // Under the name of a living node nothing is deleted by the sweep: the node's own pass does that.
  record('vm-double', 'nd-lost');
  await sweep();
  expect(names().filter((name) => name === 'vm-double')).toHaveLength(2);
  const due = ['nd-good', 'nd-missing', 'nd-bare', 'nd-moved', 'nd-double'].map(async (id) => isDue(id));
  expect(await Promise.all(due)).toEqual([false, true, true, true, true]);
});

test('a mistake does not empty the zone, and one that cannot be deleted stops no other', async () => {
  for (let number = 1; number <= 7; number += 1) record(`vm-x${number}`, `nd-x${number}`);
  cloudflare.fail({ method: 'DELETE', fault: '503' });
  await expect(sweep()).rejects.toThrow('vm-x1');
  expect(names()).toEqual(['vm-x1', 'vm-x7']);
});
