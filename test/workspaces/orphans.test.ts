// What is paid for and is no machine that `nodes` shows: it is listed, and somebody hears of it once.
import pino from 'pino';
import { expect, test } from 'vitest';
import { insertNode, listOrphans } from '../../bot/workspaces/store.ts';
import { sweepOrphans } from '../../bot/workspaces/sweeps/orphans.ts';
import { createWorld } from './world.ts';

test('every server with our labels is a machine that Sam knows, or is listed until it is gone', async () => {
  await using world = await createWorld({ bots: 1 });
  const { db, provider } = world;
  const said: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void said.push(line) });
  const owner = await world.addUser();
  const row = { owner, provider: 'fake', size: 'small', desired: 'running', phase: 'ready' } as const;
  await insertNode(db, { ...row, id: 'nd-own', name: 'vm-own' });
  const labels = (node: string) => ({
    'managed-by': 'sam' as const,
    'sam-installation': 'here',
    'sam-node': node,
    'sam-owner': owner,
  });
  provider.addServer({ name: 'vm-own', labels: labels('nd-own') });
  provider.addServer({ name: 'vm-going', labels: labels('nd-going'), status: 'removing' });
  provider.addServer({ name: 'vm-renamed', labels: labels('nd-own') });
  provider.addServer({ name: 'vm-lost', labels: labels('nd-lost') });
  const sweep = () => sweepOrphans({ db, log, provider });
  await sweep();
  await sweep();
  expect((await listOrphans(db)).map(({ name, why }) => `${name}: ${why}`).toSorted()).toEqual([
    'vm-lost: it is ours, and no machine that Sam knows: it is deleted soon, unless it is protected',
    'vm-renamed: its labels say that it is vm-own, which is another server',
  ]);
  expect(said.map((line) => (JSON.parse(line) as { name: string }).name).toSorted()).toEqual([
    'vm-lost',
    'vm-renamed',
  ]);
  provider.servers.delete('vm-lost');
  await sweep();
  expect((await listOrphans(db)).map(({ name }) => name)).toEqual(['vm-renamed']);
});
