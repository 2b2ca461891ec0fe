// Coding agents in containers, on a real engine: the real Claude Code behind its real adapter, asked by a bot, with a scripted model; and
// what runs of one there, in an image of any C library, goes when it is told to.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { DesiredTurn } from '../../../agent/protocol.ts';
import { calls, KEY, says, sendMessage, type Asked, type Block } from '../../fakes/model.ts';
import { claudeMissing, startRegistry } from '../../fakes/packages.ts';
import { isLeftOut } from '../../needs.ts';
import { eventually } from '../../testers/watch.ts';
import { BASE, BUSYBOX, findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { beginReach, containerOf, TOKEN } from './reaching.ts';
import { createTestRuntime, makeWorkspace } from './runtime.ts';

const isMissing = isLeftOut('containers', findNoEngine());
let engine: TestEngine;
beforeAll(async () => {
  if (!isMissing) engine = await startEngine({ withDebian: true });
});
afterAll(() => engine?.remove());

/** All that the container runs, but for what it stands on and the agent's own ways in and out. */
const programsOf = (id: string): string[] =>
  engine
    .docker('top', containerOf(engine, { id }), '-eo', 'pid,user,args')
    .split('\n')
    .slice(1)
    .filter((line) => !/relay|inside\/dial|while sleep 1|sleep infinity| sleep 1$/.test(line));

const DETACHES = `id -un > long.txt; (setsid sh -c "trap '' TERM HUP; while :; do sleep 9860; done" &) ; env -i setsid sleep 9861 & exec sleep 9862`;

/** As a model does that is asked for a file, or for something that takes long and starts what means to stay. */
function work({ body }: Asked): Block[] {
  const { tools = [], messages = [] } = JSON.parse(body) as { tools?: object[]; messages?: object[] };
  if (tools.length === 0) return [says('A title')];
  const [prompt] =
    JSON.stringify(messages).match(/\[(make a file|take long)\](?!.*\[(make a file|take long)\])/) ?? [];
  const isDone = JSON.stringify(messages.slice(-2)).includes('tool_result');
  if (prompt === '[take long]') return [calls('Bash', { command: DETACHES, description: 'Takes long' })];
  if (isDone) return [says('The file is made.')];
  return [
    calls('Bash', { command: 'id -un > by-claude.txt; pwd >> by-claude.txt', description: 'Makes it' }),
  ];
}

describe.skipIf(isMissing || claudeMissing)('Claude Code that is asked', () => {
  test('works in the container as its user, asks, answers, and leaves nothing when it is told to end', async () => {
    const packages = await startRegistry();
    const { context, agent, model, want } = await beginReach(engine, { remoteUser: 'games' }, { packages });
    const { bot } = context;
    model.answer = (asked, res) => sendMessage(res, asked.body, work(asked));
    const goal = await want();
    const turn: DesiredTurn = {
      workspace: goal.id,
      task: 'ta-abcdefghijkl',
      turn: 1,
      agent: 'claude',
      prompt: 'Please [make a file]',
      policy: { allow: [], deny: [] },
      minutes: 5,
      desired: 'done',
      decisions: [],
    };
    bot.wantTurns(turn);
    const question = await bot.happening(turn, 'question', 120_000);
    expect(question).toMatchObject({ tool: 'execute', title: expect.stringMatching(/^id -un > by-claude/) });
    const file = join(context.checkout(goal), 'by-claude.txt');
    expect(existsSync(file)).toBe(false);
    bot.wantTurns({ ...turn, decisions: [{ request: question.request, decision: 'allow' }] });
    expect(await bot.happening(turn, 'ended')).toEqual({
      kind: 'ended',
      outcome: 'done',
      answer: 'The file is made.',
      changes: { branch: 'main', files: [{ path: 'by-claude.txt', added: 2, removed: 0 }], count: 1 },
    });
    expect(readFileSync(file, 'utf8')).toBe('games\n/workspaces/api\n');
    expect(statSync(file).uid).toBe(statSync(context.checkout(goal)).uid);
    expect(new Set(model.asked.map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
    expect(existsSync(join(context.dir, 'workspaces', goal.id, '.claude', 'projects'))).toBe(true);

    const long = { ...turn, turn: 2, prompt: 'Now [take long]', policy: { allow: ['execute'], deny: [] } };
    bot.wantTurns(long);
    await eventually(() => programsOf(goal.id).some((one) => one.includes('sleep 9862')), 'what takes long');
    expect(programsOf(goal.id).filter((one) => /adapter|claude-agent-acp/.test(one))).toHaveLength(1);
    bot.wantTurns({ ...long, desired: 'cancelled' });
    expect(await bot.happening(long, 'ended')).toMatchObject({ outcome: 'cancelled' });
    expect(programsOf(goal.id)).toEqual([]);
    const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'args=']);
    for (const secret of [TOKEN, KEY]) expect(agent.output() + stdout).not.toContain(secret);
  });
});

/** What a node has brought: it says who it is, what it was given and what its profile left of its pipes, and starts what means to stay. */
const PROGRAM = `import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
const given = await new Promise((resolve) => process.stdin.once('data', (bytes) => resolve(String(bytes).trim())));
console.log(JSON.stringify({ uid: process.getuid(), cwd: process.cwd(), given, args: process.argv.slice(2), own: process.env.OWN }));
const stays = (line) => spawn('/bin/sh', ['-c', line], { stdio: 'ignore', detached: true, env: { SAM_CODING: process.env.SAM_CODING } }).unref();
stays("trap '' TERM HUP; while :; do sleep 9863; done");
stays('exec sleep 9864');
spawn('/bin/sleep', ['9865'], { stdio: 'ignore', detached: true, env: {} }).unref();
await text(process.stdin);
`;

describe.skipIf(isMissing)('a program of the node', () => {
  test.each([
    ['glibc', BASE, 'games', []],
    ['glibc whose root may nothing', BASE, 'games', ['--cap-drop=ALL']],
    ['no C library', BUSYBOX, 'dev', []],
  ])(
    'runs in a container of %s as its user, on pipes that are its own, until it is ended',
    async (_what, image, remoteUser, runArgs: string[]) => {
      const { runtime, dir } = createTestRuntime(engine);
      const configuration = { image, remoteUser, runArgs, remoteEnv: { OWN: 'blue' } };
      const workspace = makeWorkspace(runtime, { '.devcontainer.json': JSON.stringify(configuration) });
      const spec = { ...workspace.spec, isTrusted: true };
      await workspace.prepare({ isTrusted: true });
      await runtime.start(spec);
      onTestFinished(() => void runtime.stop(spec, () => Promise.resolve()));
      // A profile that reads and writes takes nothing of what the two say to each other.
      const script =
        'echo hello from the profile >> /etc/profile.d/x.sh; printf "cat; echo noise\\n" >> /etc/profile';
      engine.docker(
        'exec',
        '-u',
        'root',
        containerOf(engine, spec),
        'sh',
        '-c',
        `mkdir -p /etc/profile.d; ${script}`,
      );
      const adapter = join(dir, 'programs', 'adapter', 'main.mjs');
      mkdirSync(join(dir, 'programs', 'adapter'));
      writeFileSync(adapter, PROGRAM);
      const mark = `SAM_CODING=${spec.id}`;
      const command = {
        file: process.execPath,
        args: [adapter, 'a b', adapter],
        env: { SAM_CODING: spec.id },
      };
      const { file, args, env, cwd } = runtime.program(spec, command)!;
      const child = spawn(file, args, { file, env, cwd, stdio: ['pipe', 'pipe', 'ignore'] } as object);
      const ended = text(child.stdout!);
      child.stdin!.write('a prompt\n');
      const find = () => programsOf(spec.id).filter((one) => /sleep 986|main\.mjs/.test(one));
      await eventually(() => find().length >= 5, 'what it starts');
      const bystander = spawn('docker', [
        '--host',
        engine.host,
        'exec',
        containerOf(engine, spec),
        'sleep',
        '9866',
      ]);
      await eventually(() => find().some((one) => one.includes('9866')), 'what is not its own');
      await runtime.endMarked!(spec.id, mark);
      expect(find().filter((one) => !one.includes('sleep 9866'))).toEqual([]);
      expect(find()).toHaveLength(1);
      bystander.kill();
      const said = JSON.parse(await ended) as object;
      const inside = '/opt/sam/programs/adapter/main.mjs';
      const uid = Number(engine.docker('exec', containerOf(engine, spec), 'id', '-u', remoteUser));
      expect(said).toEqual({
        uid,
        cwd: '/workspaces/api',
        given: 'a prompt',
        args: ['a b', inside],
        own: 'blue',
      });
      // Repeatable; and there is nothing to end in what does not run.
      await runtime.endMarked!(spec.id, mark);
      await runtime.stop(spec, () => Promise.resolve());
      await runtime.endMarked!(spec.id, mark);
    },
  );

  test('does not run for code that is not trusted, nor where nothing of the node’s is mounted', async () => {
    const { runtime } = createTestRuntime(engine);
    const workspace = makeWorkspace(runtime, {});
    const command = { file: process.execPath, args: [], env: {} };
    expect(runtime.program(workspace.spec, command)).toBeUndefined();
    await workspace.prepare();
    await runtime.start(workspace.spec);
    expect(runtime.program(workspace.spec, command)).toBeUndefined();
    expect(runtime.program({ ...workspace.spec, isTrusted: true }, command)).toBeUndefined();
    expect(await runtime.codingPrograms!(workspace.spec.id)).toBeUndefined();
  });
});
