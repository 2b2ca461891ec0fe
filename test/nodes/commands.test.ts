// What nodes are told of those who want to hear of commands in terminals, and what becomes of what nodes say of them.
import { expect, test } from 'vitest';
import { startSession } from '../../bot/access/people/sessions.ts';
import { hashSecret } from '../../bot/access/secrets.ts';
import { keepSubscription } from '../../bot/push/push-store.ts';
import { until } from '../until.ts';
import { clock, connect, hello, node, rows, running, workspace } from './hub-context.ts';

test('a node is asked for long commands once their owner wants to hear of them, until they sign out; what it says is kept to be told', async () => {
  const agent = await connect(node.id);
  agent.say(hello(running()));
  expect(await agent.hear()).not.toMatchObject({ workspaces: [{ tellsCommands: true }] });
  const session = hashSecret((await startSession(rows.db, workspace.owner)).secret);
  const wanted = { endpoint: 'https://push.example.com/1', p256dh: 'p', auth: 'a' };
  await keepSubscription(rows.db, workspace.owner, { session, ...wanted, questions: false, commands: true });
  await clock.get(5_000)!();
  expect(await agent.hear()).toMatchObject({ workspaces: [{ id: workspace.id, tellsCommands: true }] });
  agent.say({ type: 'command-ended', workspace: workspace.id, id: 'end-0001', ms: 45_000, code: 1 });
  const read = () => rows.sql`select about, event from pushes where workspace_id = ${workspace.id}`;
  await until(async () => (await read()).length > 0);
  expect([...(await read())]).toEqual([
    { about: 'command:end-0001', event: { kind: 'command', ms: 45_000, code: 1 } },
  ]);
  await rows.sql`delete from browser_sessions where hash = ${session}`;
  await clock.get(5_000)!();
  expect(await agent.hear()).not.toMatchObject({ workspaces: [{ tellsCommands: true }] });
});
