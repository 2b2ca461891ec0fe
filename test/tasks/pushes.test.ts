// A whole bot: somebody asks a coding agent on GitHub, it asks back, and their browser is told.
import { expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { connect } from '../../bot/database/connect.ts';
import { startPushService } from '../fakes/push.ts';
import { until } from '../until.ts';
import { startAsking } from './conversation.ts';

test('who asks a coding agent in a thread is told on their phone that it asks back', async () => {
  const service = await startPushService();
  const context = await startAsking({ env: { PUSH_SERVICES: service.origin } });
  const database = await connect(context.place.databaseUrl);
  await using ending = new AsyncDisposableStack();
  ending.defer(() => service.close());
  ending.defer(() => context[Symbol.asyncDispose]());
  ending.defer(() => database.close());
  await context.leaveKey('bob');
  const pull = await context.newPull();
  await context.github.comment(pull, 'bob', '/sam ask mend it');
  const turn = await context.asked('mend it');
  const [row] = await database.sql`select owner, name from workspaces where id = ${turn.workspace}`;
  const cookie = `sam=${(await startSession(database.db, row!['owner'] as string)).secret}`;
  const { url } = context.sam.bot;
  const at = `${url}/w/${turn.workspace}/push`;
  const { key } = (await (await fetch(at, { headers: { cookie } })).json()) as { key: string };
  const phone = await service.subscribe(key);
  const { ok } = await fetch(at, {
    method: 'PUT',
    headers: { cookie, origin: url, 'content-type': 'application/json' },
    body: JSON.stringify({ ...phone.subscription, questions: true, commands: false }),
  });
  expect(ok).toBe(true);
  const asks = { kind: 'question', request: 'q1', tool: 'execute', title: 'curl x', minutes: 10 } as const;
  await context.happens(turn, { kind: 'started' }, asks);
  await until(() => phone.messages.length === 1);
  expect(JSON.parse(phone.messages[0]!.text)).toMatchObject({
    title: `${row!['name']} asks`,
    path: `/w/${turn.workspace}`,
  });
  expect(service.complaints).toEqual([]);
});
