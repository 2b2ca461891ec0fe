// Command lines of tasks, run by a real shell: how they end, what is told of their output, and what is left of what they started.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CodingPlace } from '../../../agent/coding/coder.ts';
import { COMMAND_MARK } from '../../../agent/runtimes/runtime.ts';
import { findStart } from '../../../agent/system/processes.ts';
import { eventually } from '../../testers/watch.ts';
import { createTester } from './tasks.ts';

const KEY = `ghp_${'a'.repeat(36)}`;

type Tester = ReturnType<typeof createTester>;

async function begin(
  line: string,
  times: { minuteMs?: number } = {},
  change: (tester: Tester) => Partial<CodingPlace> = () => ({}),
) {
  const tester = createTester();
  tester.state.standing = { ...tester.place, ...change(tester) };
  const tasks = await tester.open(times);
  const turn = tester.turn({ agent: 'shell', prompt: line, minutes: 1 });
  tasks.want([turn]);
  const pid = async (name: string) => {
    const file = join(tester.folder, name);
    return Number(await eventually(() => existsSync(file) && readFileSync(file, 'utf8').trim(), name));
  };
  return { tester, tasks, turn, pid, ended: () => tester.happening(turn, 'ended') };
}

const outputOf = ({ tester, turn }: Awaited<ReturnType<typeof begin>>, part: 'head' | 'tail') =>
  tester
    .said(turn.task)
    .map(({ event }) => (event.kind === 'text' && event.message === part ? event.text : ''))
    .join('');

test('it runs in the checkout by a shell, without a terminal, and its end says how it ended', async () => {
  const run = await begin('pwd; cat; [ -t 1 ] || echo no terminal; echo late >&2; exit 3');
  expect(await run.ended()).toEqual({
    kind: 'ended',
    outcome: 'done',
    answer: '.\nno terminal\nlate',
    exit: { code: 3, lines: 3, skipped: 0 },
  });
  expect(run.tester.said(run.turn.task).map(({ event }) => event.kind)).toEqual(['started', 'text', 'ended']);
  expect(outputOf(run, 'head')).toBe('.\nno terminal\nlate\n');
});

test('a signal of its own is how it ended', async () => {
  const run = await begin('kill -SEGV $$');
  expect(await run.ended()).toMatchObject({ outcome: 'done', exit: { signal: 'SIGSEGV', lines: 0 } });
});

test('what a terminal would draw is text, and no secret is in it', async () => {
  const line = `printf '\\033[31mred\\033[0m\\r\\n10%%\\r100%%\\n\\033]0;title\\007a\\bb\\000\\n'; echo ${KEY}`;
  const run = await begin(
    `${line}; echo '-----BEGIN PRIVATE KEY-----'; sleep 0.3; echo AAAA; echo '-----END PRIVATE KEY-----'`,
  );
  const { answer } = await run.ended();
  expect(answer).toBe('red\n100%\nab\n[github token]\n[private key]');
  expect(outputOf(run, 'head')).not.toContain('AAAA');
});

test('of 100 MB the beginning and the end are told, and how much there was', async () => {
  const run = await begin(`echo first; yes 'all work and no play' | head -c 104857600; echo; echo last`);
  const { answer, exit } = await run.ended();
  expect(exit).toMatchObject({ code: 0, lines: 4_993_222 });
  expect(exit?.skipped).toBeGreaterThan(103_000_000);
  expect(outputOf(run, 'head')).toMatch(/^first\nall work/);
  expect(outputOf(run, 'tail')).toMatch(/^all work and no play\n[^]*\nlast\n$/);
  // Half a MiB of each, and what came at once with the last of it.
  expect(outputOf(run, 'head').length + outputOf(run, 'tail').length).toBeLessThan(1_180_000);
  expect(answer.split('\n')).toHaveLength(100);
  expect(answer).toMatch(/\nlast$/);
});

test('the end of much output begins with no half of a key', async () => {
  const key = `echo '-----BEGIN PRIVATE KEY-----'; yes SECRET | head -c 600000; echo '-----END PRIVATE KEY-----'`;
  const run = await begin(`yes . | head -c 600000; ${key}; echo after`);
  await run.ended();
  expect(outputOf(run, 'tail')).toBe('after\n');
});

test('one that ignores signals ends when it is cancelled, with what it started in sessions of their own', async () => {
  const run = await begin(
    `trap '' TERM HUP INT; setsid sh -c 'echo $$ >../../child; exec sleep 300' & echo on; while :; do sleep 1; done`,
  );
  const child = await run.pid('child');
  await run.tester.happening(run.turn, 'text');
  run.tasks.want([{ ...run.turn, desired: 'cancelled' }]);
  expect(await run.ended()).toMatchObject({ outcome: 'cancelled', answer: 'on', exit: { lines: 1 } });
  expect(await findStart(child)).toBeUndefined();
});

test('one that takes longer than it may is ended, and says what it wrote', async () => {
  const run = await begin('echo working; sleep 300', { minuteMs: 400 });
  expect(await run.ended()).toMatchObject({
    outcome: 'failed',
    failure: { code: 'turn-late' },
    answer: 'working',
  });
});

test('what it leaves in the background goes on, and nobody waits for it', async () => {
  const run = await begin(`sh -c 'echo $$ >../../child; exec sleep 300' & echo done`);
  const child = await run.pid('child');
  onTestFinished(() => void process.kill(child, 'SIGKILL'));
  expect(await run.ended()).toMatchObject({ outcome: 'done', answer: 'done', exit: { code: 0 } });
  expect(await findStart(child)).toBeDefined();
});

test('where the workspace stops it is interrupted', async () => {
  const run = await begin('echo on; sleep 300');
  await run.tester.happening(run.turn, 'text');
  run.tester.state.standing = 'waiting';
  run.tasks.look(run.turn.workspace);
  expect(await run.ended()).toMatchObject({ outcome: 'failed', failure: { code: 'interrupted' } });
});

test('what a killed program left running is ended by its next life, and has failed once', async () => {
  const run = await begin('echo $$ >../../child; echo on; exec sleep 300');
  const child = await run.pid('child');
  await run.tester.happening(run.turn, 'text');
  const next = await run.tester.open({}, run.tester.killed());
  expect(await run.ended()).toMatchObject({ outcome: 'failed', failure: { code: 'interrupted' } });
  next.look(run.turn.workspace);
  await eventually(async () => (await findStart(child)) === undefined, 'its end');
});

test('a line that no shell can be given has failed, and the next one runs', async () => {
  const run = await begin('echo a\0b');
  expect(await run.ended()).toMatchObject({ outcome: 'failed', failure: { code: 'coding-agent-broken' } });
  const next = { ...run.turn, turn: 2, prompt: 'echo next' };
  run.tasks.want([next]);
  expect(await run.tester.happening(next, 'ended')).toMatchObject({ outcome: 'done', answer: 'next' });
});

test('names of files are said as they are where it runs, wherever that is on the node', async () => {
  const run = await begin('pwd; echo "$PWD/a.txt"', {}, ({ folder, place }) => {
    const inside = join(folder, 'inside');
    mkdirSync(inside);
    return { folder: inside, command: (...given) => ({ ...place.command(...given), cwd: inside }) };
  });
  expect(await run.ended()).toMatchObject({ answer: '.\na.txt' });
});

test('what is killed just as it starts is on the disk by then, and is not begun again', async () => {
  let killed = '';
  const run = await begin('echo went >>../../runs', {}, (tester) => ({
    command(...given) {
      killed = tester.killed();
      return tester.place.command(...given);
    },
  }));
  await run.ended();
  const next = await run.tester.open({}, killed);
  next.want([run.turn]);
  await next.end();
  expect(readFileSync(join(run.tester.folder, 'runs'), 'utf8')).toBe('went\n');
  expect(run.tester.state.events.map(({ event }) => event)).toContainEqual(
    expect.objectContaining({ kind: 'ended', failure: { code: 'interrupted' } }),
  );
});

test('what comes in only after it was looked for is ended, too', async () => {
  let late: number | undefined;
  const run = await begin('echo on; sleep 300', {}, ({ place, checkout }) => ({
    async endCommand(mark) {
      await place.endCommand(mark);
      const how = { cwd: checkout, env: { PATH: process.env['PATH'], [COMMAND_MARK]: mark }, detached: true };
      late ??= spawn('sleep', ['300'], { ...how, stdio: 'ignore' }).pid;
    },
  }));
  await run.tester.happening(run.turn, 'text');
  run.tasks.want([{ ...run.turn, desired: 'cancelled' }]);
  expect(await run.ended()).toMatchObject({ outcome: 'cancelled' });
  expect(await findStart(late!)).toBeUndefined();
});

test('what is cancelled before it is on the disk never runs', async () => {
  const run = await begin('echo went >../../runs');
  run.tasks.want([{ ...run.turn, desired: 'cancelled' }]);
  expect(await run.ended()).toMatchObject({ outcome: 'cancelled' });
  expect(existsSync(join(run.tester.folder, 'runs'))).toBe(false);
});
