// Coding agents over HTTP: asked, heard, stopped, with the rights of the chat; what they do the test says, the rest is real.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createScriptedNodes, type ScriptedNodes } from '../testers/scripted-node.ts';
import { openEvents } from '../chat/event-stream.ts';
import { done, leaveKey } from '../tasks/conversation.ts';
import { until } from '../until.ts';
import { startPrograms, type Program, type Programs } from './programs.ts';

let all: Programs;
let nodes: ScriptedNodes;
let bob: Program;

beforeAll(async () => {
  nodes = createScriptedNodes();
  const env = {
    PROVIDER: 'scripted',
    MAX_WORKSPACES_PER_USER: '0',
    MAX_NODES_PER_USER: '0',
    MAX_ASKS_PER_HOUR: '0',
  };
  all = await startPrograms({ env, providers: nodes.table });
  bob = await all.programOf('bob');
  await leaveKey(all.context, 'bob');
});
afterAll(async () => {
  nodes.end();
  await all[Symbol.asyncDispose]();
});

/** Where its sessions are, of a new one. */
async function newWorkspace(repository = 'acme/api'): Promise<string> {
  const made = await bob('POST /api/workspaces', { json: { repository, new: true } });
  expect(made.status).toBe(202);
  return `/api/workspaces/${made.body.id}/agent-sessions`;
}

let prompts = 0;
/** One that nobody has sent before. */
const newPrompt = (): string => `--new what is this?\n/sam rm ${(prompts += 1)}`;
const turnOf = (prompt: string) => nodes.turn((turn) => turn.prompt === prompt);
const stored = (count: number) => until(() => nodes.stored.length >= count);

test('a prompt is given word for word, what it comes to is read, and the next one goes to the same conversation', async () => {
  const at = await newWorkspace();
  const prompt = newPrompt();
  const made = await bob(`POST ${at}`, { json: { prompt } });
  expect(made.status).toBe(202);
  const { id } = made.body;
  expect(made.body).toMatchObject({
    agent: 'claude',
    state: 'queued',
    prompts: [{ number: 1, prompt, by: 'bob' }],
  });
  const turn = await turnOf(prompt);
  const question = {
    kind: 'question',
    request: 'r1',
    tool: 'execute',
    title: 'npm test',
    minutes: 5,
  } as const;
  nodes.happen(
    turn,
    { kind: 'started' },
    { kind: 'plan', entries: [{ content: 'look', status: 'pending' }] },
    question,
  );
  await until(async () => (await bob(`GET ${at}/${id}`)).body.state === 'asking');
  expect((await bob(`GET ${at}/${id}`)).body.prompts[0]).toMatchObject({
    questions: [{ number: 1, title: 'npm test' }],
    plan: [{ content: 'look', status: 'pending' }],
    answer: null,
  });
  const changes = { branch: 'sam/x', files: [{ path: 'a.ts', added: 2, removed: 1 }], count: 1 };
  nodes.happen(
    turn,
    { kind: 'decided', request: 'r1', decision: 'late' },
    { kind: 'cost', amount: '0.0123', currency: 'USD' },
    { kind: 'ended', outcome: 'done', answer: 'An API.', changes },
  );
  await until(async () => (await bob(`GET ${at}/${id}`)).body.state === 'done');
  expect((await bob(`GET ${at}/${id}`)).body.prompts[0]).toMatchObject({
    state: 'done',
    answer: 'An API.',
    cost: { amount: '0.0123', currency: 'USD' },
    changes,
    questions: [],
  });
  const next = newPrompt();
  const more = await bob(`POST ${at}/${id}/prompts`, { json: { prompt: next } });
  expect(more.body).toMatchObject({
    id,
    state: 'queued',
    prompts: [{ number: 1 }, { number: 2, prompt: next }],
  });
  expect(await turnOf(next)).toMatchObject({ task: id, turn: 2 });
  const other = await bob(`POST ${at}`, { json: { prompt: newPrompt() } });
  const list = (await bob(`GET ${at}?limit=1`)).body;
  expect(list.items).toMatchObject([{ id: other.body.id, state: 'queued' }]);
  expect((await bob(`GET ${at}?cursor=${list.next}`)).body).toMatchObject({ items: [{ id }], next: null });
});

test('the same key asks once; another prompt with it is refused, and so are fields that nobody knows', async () => {
  const at = await newWorkspace();
  const json = { prompt: newPrompt() };
  const [one, two] = await Promise.all([1, 2].map(() => bob(`POST ${at}`, { json, key: 'once-1' })));
  expect(two!.text).toBe(one!.text);
  expect((await bob(`GET ${at}`)).body.items).toHaveLength(1);
  expect((await bob(`POST ${at}`, { json: { prompt: 'else' }, key: 'once-1' })).status).toBe(422);
  const wrong = [
    { prompt: 'x', model: 'y' },
    {},
    { prompt: ' \n' },
    { prompt: 'a\0b' },
    { prompt: '\ud800' },
  ];
  for (const body of [...wrong, { prompt: 'ä'.repeat(17_000) }]) {
    const refused = await bob(`POST ${at}`, { raw: JSON.stringify(body) });
    expect(refused.body).toMatchObject({
      error: 'bad-request',
      fields: ['model' in body ? 'model' : 'prompt'],
    });
  }
  expect((await bob(`POST ${at}/${one!.body.id}/stop`, { json: { all: true } })).body.fields).toEqual([
    'all',
  ]);
});

test('stop ends what is worked on and what waits in that conversation, and nothing of another one', async () => {
  const at = await newWorkspace();
  const [first, second, others] = [newPrompt(), newPrompt(), newPrompt()];
  const { id } = (await bob(`POST ${at}`, { json: { prompt: first } })).body;
  await bob(`POST ${at}/${id}/prompts`, { json: { prompt: second } });
  const other = (await bob(`POST ${at}`, { json: { prompt: others } })).body.id;
  nodes.happen(await turnOf(first), { kind: 'started' });
  await until(async () => (await bob(`GET ${at}/${id}`)).body.prompts[0].state === 'running');
  expect((await bob(`POST ${at}/${id}/stop`)).status).toBe(202);
  const stopped = await nodes.turn((turn) => turn.prompt === first && turn.desired === 'cancelled');
  nodes.happen(stopped, { kind: 'ended', outcome: 'cancelled', answer: '' });
  const states = async (one: string) =>
    (await bob(`GET ${at}/${one}`)).body.prompts.map(({ state }: { state: string }) => state);
  await until(async () => !(await states(id)).some((state: string) => state !== 'cancelled'));
  expect(await states(other)).toEqual(['queued']);
  expect(await bob(`POST ${at}/${id}/stop`)).toMatchObject({ status: 409, body: { error: 'nothing-asked' } });
});

test('somebody else hears 404 as for what is not there; whoever may ask too sees and stops what its own thread asked', async () => {
  const at = await newWorkspace();
  const { id } = (await bob(`POST ${at}`, { json: { prompt: newPrompt() } })).body;
  const ada = await all.programOf('ada');
  const eve = await all.programOf('eve');
  const looker = await all.programOf('bob', 'read');
  const nothing = await bob(`GET ${at}/tk-aaaaaaaaaaaa`);
  expect(nothing).toMatchObject({ status: 404, body: { error: 'not-found' } });
  const asks = [`POST ${at}`, `POST ${at}/${id}/prompts`].map(
    (one) => [one, { json: { prompt: 'x' } }] as const,
  );
  const looks = [`GET ${at}`, `GET ${at}/${id}`, `GET ${at}/${id}/events`, `POST ${at}/${id}/stop`];
  for (const program of [ada, eve])
    for (const [request, body] of [...asks, ...looks.map((one) => [one, {}] as const)])
      expect(await program(request, body), request).toMatchObject({ status: 404, text: nothing.text });
  for (const [request, body] of [...asks, [looks[3]!, {}] as const])
    expect(await looker(request, body)).toMatchObject({ status: 403, body: { error: 'missing-scope' } });
  expect((await looker(`GET ${at}/${id}`)).status).toBe(200);
  expect((await all.programWith({})(`GET ${at}/${id}/events`)).status).toBe(401);
  const { sql } = all.database;
  await sql`update workspaces set topic = 'acme/api#99' where id = ${at.split('/')[3]!}`;
  expect((await ada(`GET ${at}`)).body.items).toEqual([]);
  await sql`update tasks set thread = 'acme/api#99' where id = ${id}`;
  expect((await ada(`GET ${at}`)).body.items).toMatchObject([{ id }]);
  expect((await eve(`GET ${at}`)).status).toBe(404);
  expect((await ada(`POST ${at}/${id}/prompts`, { json: { prompt: 'x' } })).status).toBe(404);
  expect((await ada(`POST ${at}/${id}/stop`)).status).toBe(202);
});

test('what happened comes page by page, or as it happens, and goes on behind the last that was heard', async () => {
  const at = await newWorkspace();
  const prompt = newPrompt();
  const { id } = (await bob(`POST ${at}`, { json: { prompt } })).body;
  const turn = await turnOf(prompt);
  const text = (words: string) => ({ kind: 'text', message: 'm', text: words }) as const;
  const before = nodes.stored.length;
  nodes.happen(turn, { kind: 'started' }, text('one'), text('two'));
  await stored(before + 1);
  const first = (await bob(`GET ${at}/${id}/events?limit=2`)).body;
  expect(first.items).toMatchObject([
    { id: '1', event: { kind: 'started' } },
    { id: '2', prompt: 1 },
  ]);
  const rest = (await bob(`GET ${at}/${id}/events?cursor=${first.next}`)).body;
  expect(rest).toMatchObject({ items: [{ event: text('two') }], next: null });
  expect((await bob(`GET ${at}/${id}/events?cursor=nonsense`)).body.fields).toEqual(['cursor']);
  const token = await all.tokenOf('bob');
  const headers = { authorization: `Bearer ${token}`, 'last-event-id': '2' };
  const url = `${all.context.sam.bot.url}${at}/${id}/events`;
  const events = await openEvents(url, headers);
  expect(await events.next('agent')).toMatchObject({ id: '3', event: text('two') });
  nodes.happen(turn, text('three'), done('x'));
  expect(await events.next('agent')).toMatchObject({ id: '4', event: text('three') });
  expect(await events.next('agent')).toMatchObject({ id: '5', event: { kind: 'ended', answer: 'x' } });
  expect(events.seen('agent')).toBe(3);
  events.close();
});

test('a number that no event can have is refused, as a page and as a stream', async () => {
  const at = await newWorkspace();
  const { id } = (await bob(`POST ${at}`, { json: { prompt: newPrompt() } })).body;
  const cursor = Buffer.from(JSON.stringify([id, 2 ** 31])).toString('base64url');
  expect(await bob(`GET ${at}/${id}/events?cursor=${cursor}`)).toMatchObject({
    status: 400,
    body: { error: 'bad-cursor', fields: ['cursor'] },
  });
  for (const last of ['2147483648', '999999999999', '9'.repeat(40)]) {
    const headers = { accept: 'text/event-stream', 'last-event-id': last };
    expect(await bob(`GET ${at}/${id}/events`, { headers })).toMatchObject({
      status: 400,
      body: { error: 'bad-cursor', fields: ['Last-Event-ID'] },
    });
  }
});

test('a conversation that is over takes no more prompts, and another one does', async () => {
  const at = await newWorkspace();
  const { id } = (await bob(`POST ${at}`, { json: { prompt: newPrompt() } })).body;
  await all.database.sql`update tasks set is_stuck = true where id = ${id}`;
  expect(await bob(`POST ${at}/${id}/prompts`, { json: { prompt: newPrompt() } })).toMatchObject({
    status: 409,
    body: { error: 'conversation-over' },
  });
  expect((await bob(`GET ${at}/${id}`)).body.prompts).toHaveLength(1);
  expect((await bob(`POST ${at}`, { json: { prompt: newPrompt() } })).status).toBe(202);
});
