// Who gets the key of a person for a model: nodes, for workspaces of that person which are wanted running on them.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { answerKey, type KeyAnswering } from '../../bot/nodes/model-keys.ts';
import { UnreadableError } from '../../bot/access/vault.ts';
import { wordKeyRefusal } from '../../bot/chat/wording.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { KEY } from '../fakes/model.ts';
import { connect, hello, hub, node, rows, workspace } from './hub-context.ts';

async function ask(patch: Partial<KeyAnswering> = {}, from = node.id, id = workspace.id) {
  const opened: string[] = [];
  const logged: object[] = [];
  const log = pino(
    { level: 'trace', base: null, timestamp: false },
    { write: (line: string) => void logged.push(JSON.parse(line) as object) },
  );
  const answering: KeyAnswering = {
    db: rows.db,
    openKey: async (owner, provider) => {
      opened.push(`${owner} ${provider}`);
      return KEY;
    },
    wordKeyRefusal,
    ...patch,
  };
  const asking = { node: from, log, unsealing: 0 };
  const answer = await answerKey(answering, asking, {
    type: 'credential',
    ref: 7,
    workspace: id,
    provider: 'anthropic',
  });
  return { answer, opened, logged };
}

const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired'>>) =>
  rows.sql`update workspaces set ${rows.sql(patch)} where id = ${workspace.id}`;

test('the node of a running workspace gets the key of its owner, and no log does', async () => {
  expect(await ask()).toEqual({
    answer: { type: 'credential', ref: 7, value: KEY },
    opened: [`${workspace.owner} anthropic`],
    logged: [],
  });
});

test('whoever has left none is told how', async () => {
  const { answer } = await ask({ openKey: () => Promise.resolve(undefined) });
  expect(answer).toEqual({
    type: 'credential',
    ref: 7,
    error: {
      code: 'none',
      message:
        'You have left no Anthropic API key with Sam. Say `connect claude` where you talk to Sam: it brings a private link to the page for it. Then say here again what you said.',
    },
  });
});

test('no other node gets it, nor one where the workspace is not to run any more, nor code of a fork', async () => {
  const other = await rows.addNode();
  expect((await ask({}, other.id)).answer).toMatchObject({ error: { code: 'not-running' } });
  expect((await ask({}, node.id, 'ws-aaaaaaaaaaaa')).answer).toMatchObject({
    error: { code: 'not-running' },
  });
  for (const desired of ['stopped', 'deleted'] as const) {
    await change({ desired });
    expect((await ask()).answer).toMatchObject({ error: { code: 'not-running' } });
  }
  await change({ desired: 'running' });
  await rows.sql`update workspaces set fork = '{"head": "a", "trusted": "a"}'::jsonb where id = ${workspace.id}`;
  const { answer, opened } = await ask();
  expect(answer).toMatchObject({ error: { code: 'fork' } });
  expect(opened).toEqual([]);
});

test('a key that cannot be read is said to be so, and the log says why', async () => {
  const { answer, logged } = await ask({
    openKey: () => Promise.reject(new UnreadableError('vault: open: no key in the ring')),
  });
  expect(answer).toMatchObject({ error: { code: 'unreadable' } });
  expect(logged).toEqual([
    {
      level: 40,
      workspace: workspace.id,
      provider: 'anthropic',
      error: 'vault: open: no key in the ring',
      msg: 'a model got no key',
    },
  ]);
});

test('a database that does not answer is no reason to put a key in anew', async () => {
  const { answer } = await ask({ openKey: () => Promise.reject(new Error('connection terminated')) });
  expect(answer).toMatchObject({
    error: {
      code: 'unavailable',
      message: 'Sam could not look up your key just now; the key itself is all right. Try again in a minute.',
    },
  });
});

test('an agent asks over its connection, and hears when keys change', async () => {
  const agent = await connect();
  agent.say(hello());
  await agent.hear();
  agent.say({ type: 'credential', ref: 3, workspace: workspace.id, provider: 'claude' });
  // This hub was given nobody who opens keys.
  expect(await agent.hear()).toMatchObject({ type: 'credential', ref: 3, error: { code: 'none' } });
  hub.forgetKeys(node.id);
  expect(await agent.hear()).toEqual({ type: 'credentials-changed' });
  // This bot has not listened for a while.
  hub.forgetKeys();
  expect(await agent.hear()).toEqual({ type: 'credentials-changed' });
});
