// What a workspace gets of its owner's key: answers of models, and never the key. A whole agent, a scripted model.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Key } from '../../../agent/models/keys.ts';
import { openModels } from '../../../agent/models/models.ts';
import { KEY, PLAN, startModel, type FakeModel } from '../../fakes/model.ts';
import { createNode, type Node } from '../../testers/node.ts';
import { findFiles } from '../../testers/traces.ts';
import { eventually } from '../../testers/watch.ts';
import { look } from '../viewer.ts';

const asking = JSON.stringify({ model: 'scripted', stream: true, max_tokens: 10, messages: [] });

async function startScene(model: FakeModel, key: string | undefined = KEY) {
  const context = await createNode();
  context.bot.state.models = { anthropic: model.url, openai: `${model.url}/openai` };
  if (key !== '') context.bot.state.modelKeys = { anthropic: key };
  const goal = context.goal();
  context.bot.want(goal);
  const agent = context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  return { context, goal, agent };
}

/** What a session of the workspace has in its environment. */
async function readEnvironment(context: Node, workspace: string) {
  const viewer = await look(context, workspace);
  await viewer.open();
  viewer.type('echo "[$ANTHROPIC_BASE_URL,$ANTHROPIC_AUTH_TOKEN,$CLAUDE_CONFIG_DIR]"\n');
  const [, url = '', token = '', config = ''] = await viewer.reads(/\[(http[^,]+),([^,]+),([^\],]+)\]/);
  return { url, token, config };
}

const ask = (url: string, token: string, path = '/v1/messages') =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: asking,
  });

test('a program in a workspace asks a model with a token of its own, and the model sees the key of the owner', async () => {
  const model = await startModel();
  const { context, goal, agent } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  const answer = await ask(url, token);
  expect(await answer.text()).toContain('"text":"hello"');
  expect(model.asked).toMatchObject([{ path: '/v1/messages', body: asking, headers: { 'x-api-key': KEY } }]);
  expect(model.asked[0]!.headers.authorization).toBeUndefined();
  // What it cost goes to the bot.
  const report = await context.bot.report(goal.id, (one) => one.usage !== undefined);
  expect(report.usage).toEqual({ requests: 1, input: 12, output: 34, cacheRead: 5, cacheWrite: 6 });
  expect(token).not.toContain(KEY);
  expect(agent.output()).toContain(goal.id);
  expect(agent.output()).not.toContain(KEY);
  expect(agent.output()).not.toContain(token);
});

test('an agent that ends keeps what was used last, of an answer under way too', async () => {
  const model = await startModel();
  const { context, goal, agent } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  await (await ask(url, token)).text();
  const start = { type: 'message_start', message: { usage: { input_tokens: 100, output_tokens: 1 } } };
  model.answer = (_asked, res) =>
    void res
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write(`data: ${JSON.stringify(start)}\n\n`);
  const endless = await ask(url, token);
  await endless.body!.getReader().read();
  // With a terminal open, too.
  expect(await agent.stop()).toBe(0);
  const state = readFileSync(join(context.dir, 'states', `${goal.id}.json`), 'utf8');
  expect(JSON.parse(state)).toMatchObject({ usage: { requests: 2, input: 112, output: 35 } });
});

test('nothing of the key lies on the disk of the node', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  await (await ask(url, token)).text();
  expect(model.asked).toHaveLength(1);
  expect(findFiles('hello', context.folder)).toContain(join(context.checkout(goal), 'README.md'));
  expect(findFiles(KEY, context.folder)).toEqual([]);
});

test('a token ends with its run, and with the wish that it should run', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  expect((await ask(url, token)).status).toBe(200);
  context.bot.want({ ...goal, desired: 'stopped' });
  await context.bot.report(goal.id, (one) => one.phase === 'stopped');
  const refused = await ask(url, token);
  expect(refused.status).toBe(401);
  context.bot.want({ ...goal, run: 2 });
  await context.bot.report(goal.id, (one) => one.phase === 'running' && one.run === 2);
  expect((await ask(url, token)).status).toBe(401);
  const next = await readEnvironment(context, goal.id);
  expect((await ask(next.url, next.token)).status).toBe(200);
});

test('after a restart of the agent what runs on asks as before', async () => {
  const model = await startModel();
  const { context, goal, agent } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  await agent.kill();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  expect((await ask(url, token)).status).toBe(200);
});

test('without a key the answer is the sentence of the bot, and no program tries again', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model, '');
  const { url, token } = await readEnvironment(context, goal.id);
  const answer = await ask(url, token);
  expect(answer.status).toBe(401);
  expect(answer.headers.get('x-should-retry')).toBe('false');
  expect(await answer.json()).toEqual({
    type: 'error',
    error: { type: 'authentication_error', message: 'You have left no key with Sam.' },
  });
  // Put in by now: the next request has it.
  context.bot.state.modelKeys = { anthropic: KEY };
  expect((await ask(url, token)).status).toBe(200);
  expect(model.asked).toHaveLength(1);
});

/** A workspace that is being answered, without an end. */
async function startEndless() {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  model.answer = (_asked, res) =>
    void res.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n');
  return { model, context, url, token, endless: await ask(url, token) };
}

test('a key that was taken back is worth nothing at once, also for an answer under way', async () => {
  const { model, context, url, token, endless } = await startEndless();
  context.bot.state.modelKeys = {};
  context.bot.say({ type: 'credentials-changed' });
  await expect(endless.text()).rejects.toThrow();
  expect((await ask(url, token)).status).toBe(401);
  expect(model.asked).toHaveLength(1);
});

test('a key that was taken back while the bot was away is worth nothing once it is there', async () => {
  const { context, url, token, endless } = await startEndless();
  await context.bot.vanish();
  context.bot.state.modelKeys = {};
  await context.bot.comeBack();
  await expect(endless.text()).rejects.toThrow();
  expect((await ask(url, token)).status).toBe(401);
});

test('while the bot is away the answer is that, and programs try again', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  await context.bot.vanish();
  const answer = await ask(url, token);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('x-should-retry')).toBeNull();
  expect(await answer.text()).toContain('Sam cannot be reached, and it has your key.');
});

test.skipIf(process.platform !== 'linux')(
  'what the kernel writes of a broken agent has no memory in it, and of other programs it has',
  async () => {
    const { context, goal, agent } = await startScene(await startModel());
    expect(readFileSync(`/proc/${agent.pid}/coredump_filter`, 'utf8').trim()).toBe('00000000');
    const viewer = await look(context, goal.id);
    await viewer.open();
    viewer.type('echo "cores:$(cat /proc/$$/coredump_filter)."\n');
    await viewer.reads(/cores:00000033\./);
  },
);

test('a token of a plan is in the environment of terminals, and then nothing else is', async () => {
  const context = await createNode();
  context.bot.state.modelKeys = { claude: PLAN };
  const goal = context.goal({ claude: 'plan' });
  context.bot.want(goal);
  const agent = context.start({ PATH: `${context.folder}:${process.env['PATH']}` });
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  const readKeys = async () => {
    const viewer = await look(context, goal.id);
    await viewer.open();
    viewer.type('echo "[$CLAUDE_CODE_OAUTH_TOKEN,$ANTHROPIC_BASE_URL,$ANTHROPIC_AUTH_TOKEN]"\n');
    return (await viewer.reads(/\[((?:sk|,http)[^\]$]*)\]/))[1];
  };
  expect(await readKeys()).toBe(`${PLAN},,`);
  expect(agent.output()).toContain(goal.id);
  expect(agent.output()).not.toContain(PLAN);
  // Another one came while nobody could say so.
  const next = PLAN.replace('canary', 'another');
  await context.bot.vanish();
  context.bot.state.modelKeys = { claude: next };
  await context.bot.comeBack();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  await eventually(async () => (await readKeys()) === `${next},,`, 'the new plan in a terminal');
  // A key came: the plan is in no environment any more.
  context.bot.want({ ...goal, claude: 'key' });
  expect(await readKeys()).toMatch(/^,http:.*,samws_/);
});

test('a plan that cannot be asked for at this moment is the one before; one that is none any more is none', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sam-models-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const models = await openModels(dir, { find: () => undefined, onUsage: () => {}, log });
  onTestFinished(() => models.close());
  const goal = { id: 'ws-abcdefghijkl', desired: 'running', claude: 'plan' } as const;
  let key: Key = { value: 'one' };
  models.keys.open((message) => {
    if (message.type === 'credential') models.keys.answered({ type: 'credential', ref: message.ref, ...key });
  });
  const findAgain = async (answer: Key) => {
    key = answer;
    models.changed();
    await models.prepare(goal);
    return models.way(goal.id, 1);
  };
  await models.prepare(goal);
  expect(models.way(goal.id, 1)).toEqual({ plan: 'one' });
  expect(await findAgain({ value: 'two' })).toEqual({ plan: 'two' });
  expect(await findAgain({ error: { code: 'unavailable' } })).toEqual({ plan: 'two' });
  expect(await findAgain({ error: { code: 'none' } })).toHaveProperty('url');
  expect(await findAgain({ error: { code: 'busy' } })).toHaveProperty('url');
});

test('Claude Code finds its questions answered beside the checkout, and what a person wrote there stays', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { config } = await readEnvironment(context, goal.id);
  expect(config).toBe(join(context.dir, 'workspaces', goal.id, '.claude'));
  const file = join(config, '.claude.json');
  const trust = { [context.checkout(goal)]: { hasTrustDialogAccepted: true } };
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ hasCompletedOnboarding: true, projects: trust });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  execFileSync('sh', ['-c', 'echo mine > "$1"', 'sh', file]);
  context.bot.want({ ...goal, run: 2 });
  const report = await context.bot.report(goal.id, (one) => one.run === 2 && one.work !== undefined);
  expect(readFileSync(file, 'utf8')).toBe('mine\n');
  // It is none of the work that a deletion would lose.
  expect(report.work).toEqual({ changed: 0, untracked: 0, unpushed: 0 });
});

test('no way leads from a fork to a model, with what its terminals have or with a token from before', async () => {
  const model = await startModel();
  const { context, goal } = await startScene(model);
  const { url, token } = await readEnvironment(context, goal.id);
  expect((await ask(url, token)).status).toBe(200);
  const questions = [...context.bot.state.keyQuestions];
  context.bot.want({ ...goal, credentials: 'none', claude: 'plan' });
  await eventually(async () => (await ask(url, token)).status === 401, 'a refusal');
  expect(context.bot.state.keyQuestions).toEqual(questions);
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('echo "<$(env | grep -cE "^ANTHROPIC_|^CLAUDE_CODE_OAUTH")>"\n');
  await viewer.reads(/<0>/);
});

test('whoever checks out a fork is asked whether they trust it', async () => {
  const context = await createNode();
  const goal = context.goal({ credentials: 'none' });
  context.bot.want(goal);
  context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  const file = join(context.dir, 'workspaces', goal.id, '.claude/.claude.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ hasCompletedOnboarding: true });
});
