// What nodes are told of turns, and what is kept of what they say: once, in order, of their own.
import { expect, test } from 'vitest';
import type { BotMessage, TaskEvent, TurnHappening } from '../../agent/protocol.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { until } from '../until.ts';
import { connect, greet, hello, hub, node, rows, running, workspace } from '../nodes/hub-context.ts';

type Agent = Awaited<ReturnType<typeof greet>>;

let asks = 0;
async function ask(prompt = 'fix it'): Promise<string> {
  await rows.db.transaction((tx) =>
    addTurn(tx, {
      workspace,
      thread: `acme/api#${workspace.id}`,
      agent: 'claude',
      actor: workspace.owner,
      source: 'github',
      deliveryId: `d-${++asks}`,
      prompt,
      policy: { allow: ['read'], deny: [] },
      minutes: 60,
    }),
  );
  const [row] = await rows.sql`select id from tasks where workspace_id = ${workspace.id}`;
  return row!['id'] as string;
}

const runIt = () =>
  rows.sql`update workspaces set phase = 'running', running_at = now() where id = ${workspace.id}`;

async function hears<Type extends BotMessage['type']>(
  agent: Agent,
  type: Type,
): Promise<Extract<BotMessage, { type: Type }>> {
  for (;;) {
    const message = await agent.hear();
    if (message.type === type) return message as Extract<BotMessage, { type: Type }>;
  }
}

const happened = (task: string, seq: number, event: TurnHappening, turn = 1): TaskEvent => ({
  workspace: workspace.id,
  task,
  turn,
  seq,
  at: Date.now(),
  event,
});

/** Says it, and gives up to where the bot has it. */
async function say(agent: Agent, ...events: TaskEvent[]): Promise<number> {
  agent.say({ type: 'task-events', events });
  return (await hears(agent, 'task-events-stored')).seq;
}

const stored = async (task: string) =>
  (await rows.sql`select seq from task_events where task_id = ${task} order by seq`).map(
    ({ seq }) => seq as number,
  );
const turnRow = async (task: string) =>
  (await rows.sql`select * from task_turns where task_id = ${task}`)[0]!;

test('a node hears of a turn when its workspace runs, once, and of all that have not ended when it comes back', async () => {
  const task = await ask();
  const agent = await greet(running());
  expect(agent.unheard()).toEqual([]);
  await runIt();
  await hub.refresh(node.id);
  const turn = { workspace: workspace.id, task, turn: 1, agent: 'claude', prompt: 'fix it', desired: 'done' };
  expect((await hears(agent, 'turns')).turns).toMatchObject([{ ...turn, minutes: 60, decisions: [] }]);
  await hub.refresh(node.id);
  await ask('and then');
  await hub.refresh(node.id);
  expect((await hears(agent, 'turns')).turns).toMatchObject([{ turn: 2, prompt: 'and then' }]);
  await agent.leave();
  const again = await connect();
  again.say(hello(running()));
  expect((await hears(again, 'turns')).turns.map((one) => one.turn)).toEqual([1, 2]);
});

test('events are stored once and in order; what leaves a gap is left to be said again', async () => {
  const task = await ask();
  const agent = await greet(running());
  expect(await say(agent, happened(task, 1, { kind: 'started' }))).toBe(1);
  const text = (seq: number) => happened(task, seq, { kind: 'text', message: 'm', text: `${seq}` });
  expect(await say(agent, text(4), text(2))).toBe(2);
  expect(await say(agent, text(2), text(3), text(4))).toBe(4);
  expect(await stored(task)).toEqual([1, 2, 3, 4]);
  expect(await turnRow(task)).toMatchObject({ state: 'running', answer: null });
});

test('of a flood in a turn only what decides is kept, and the turns after it have all of theirs', async () => {
  const task = await ask();
  await ask('and then');
  const agent = await greet(running());
  const begin = (seq: number, turn: number) => happened(task, seq, { kind: 'started' }, turn);
  const text = (seq: number, turn: number) =>
    happened(task, seq, { kind: 'text', message: 'm', text: `${seq}` }, turn);
  await say(agent, begin(1, 1), text(2, 1));
  await rows.sql`update tasks set seq = 20000 where id = ${task}`;
  const end = { kind: 'ended', outcome: 'done', answer: 'x' } as const;
  expect(await say(agent, text(20_001, 1), happened(task, 20_002, end))).toBe(20_002);
  await say(agent, begin(20_003, 2));
  await say(agent, text(20_004, 2));
  expect(await stored(task)).toEqual([1, 2, 20_002, 20_003, 20_004]);
});

test('a node hears at once that what waits in a conversation that goes in circles has ended', async () => {
  const task = await ask();
  for (const prompt of ['again', 'once more', 'and now']) await ask(prompt);
  const agent = await greet(running());
  const heard: string[] = [];
  const listening = await rows.sql.listen('sam', (hint) => heard.push(hint));
  for (const turn of [1, 2, 3])
    await say(
      agent,
      happened(task, 2 * turn - 1, { kind: 'started' }, turn),
      happened(task, 2 * turn, { kind: 'ended', outcome: 'done', answer: 'Try again.' }, turn),
    );
  await rows.sql`select pg_notify('sam', 'last')`;
  await until(() => heard.includes('last'));
  await listening.unlisten();
  expect(heard).toContain(`desired:${node.id}`);
});

test('the end is written with its answer, and an answer is wanted in the thread once', async () => {
  const task = await ask();
  const agent = await greet(running());
  const end = happened(task, 2, {
    kind: 'ended',
    outcome: 'done',
    answer: 'See ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  });
  await say(agent, happened(task, 1, { kind: 'started' }), end);
  await say(agent, end);
  expect(await turnRow(task)).toMatchObject({
    state: 'done',
    answer: 'See [github token]',
    is_closed: true,
    next_at: null,
  });
  const wanted = await rows.sql`select front, thread, kind from cards where subject = ${`${task}/1`}`;
  expect(wanted).toEqual([{ front: 'github', thread: `acme/api#${workspace.id}`, kind: 'answer' }]);
});

test('of another node, or of a task that nobody knows, nothing is kept, and it need not be said again', async () => {
  const task = await ask();
  const stranger = await rows.addNode();
  const agent = await connect(stranger.id);
  agent.say(hello());
  await agent.hear();
  expect(await say(agent, happened(task, 1, { kind: 'ended', outcome: 'done', answer: 'no' }))).toBe(1);
  expect(await say(agent, happened('tk-zzzzzzzzzzzz', 7, { kind: 'started' }))).toBe(7);
  expect(await stored(task)).toEqual([]);
  expect(await turnRow(task)).toMatchObject({ state: 'queued' });
});

test('what a later version says of a turn holds up nothing', async () => {
  const task = await ask();
  const agent = await greet(running());
  const news = { ...happened(task, 1, { kind: 'started' }), event: { kind: 'dreamt', of: 'sheep' } };
  agent.say({
    type: 'task-events',
    events: [news, happened(task, 2, { kind: 'ended', outcome: 'done', answer: 'yes' })],
  });
  expect((await hears(agent, 'task-events-stored')).seq).toBe(2);
  expect(await turnRow(task)).toMatchObject({ state: 'done', answer: 'yes' });
});

test('a coding agent at work keeps its workspace from being idle', async () => {
  const task = await ask();
  await rows.sql`update workspaces set last_activity_at = now() - interval '3 hours' where id = ${workspace.id}`;
  const agent = await greet(running());
  await say(agent, happened(task, 1, { kind: 'started' }));
  const [row] = await rows.sql`
    select last_activity_at > now() - interval '1 minute' as fresh from workspaces where id = ${workspace.id}`;
  expect(row).toEqual({ fresh: true });
});
