// Sessions outlive the agent: killed, told to end, or another version. Nothing of their output is lost or doubled.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProcesses, listPids, readProc, readStat } from '../../agent/system/processes.ts';
import { startRunning, type Node } from '../testers/node.ts';
import { eventually } from '../testers/watch.ts';
import { look } from './viewer.ts';

/** As a page does: again and again, until the node takes it. */
async function lookAgain(context: Node, workspace: string, hellos: number) {
  await eventually(() => context.bot.state.hellos.length >= hellos, 'the agent again');
  return eventually(async () => {
    const viewer = await look(context, workspace);
    return viewer.state.closed === undefined && viewer;
  }, 'the node to take a viewer');
}

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('killed in a flood the agent finds its sessions again: every byte once, and the program goes on', async () => {
  const { context, goal } = await startRunning();
  let viewer = await look(context, goal.id);
  const { id } = await viewer.open();
  const lines = 200_000;
  viewer.type(`stty -echo; seq -f 'line %.0f of a flood' ${lines}; echo it-is-"over"\n`);
  await viewer.reads(/line 2000 of/);
  const parts: Buffer[] = [];
  for (let life = 2; life <= 4; life++) {
    await context.agents.at(-1)!.kill();
    await viewer.closes();
    parts.push(...viewer.state.parts);
    context.start();
    const { at } = viewer.state;
    viewer = await lookAgain(context, goal.id, life);
    expect(await viewer.resume(id, at)).toMatchObject({ offset: at });
    const wanted = at + 700_000;
    await eventually(() => viewer.state.at > wanted, 'the flood to go on');
    expect(viewer.state.snapshots).toBe(0);
  }
  await eventually(() => viewer.tail().includes('it-is-over'), 'the end of the flood');
  const text = Buffer.concat([...parts, ...viewer.state.parts]).toString();
  const flood = text.slice(text.indexOf('line 1 of'), text.indexOf('it-is-over'));
  let expected = '';
  for (let line = 1; line <= lines; line++) expected += `line ${line} of a flood\r\n`;
  expect(hash(Buffer.from(flood))).toBe(hash(Buffer.from(expected)));
  viewer.type('echo "$((6*7)) in the same shell"\n');
  await eventually(() => viewer.tail().includes('42 in the same shell'), 'the same shell');
});

/** Those of this node that hold sessions. */
const findHolders = (node: string) =>
  listPids().filter((pid) => {
    const isOfNode = readProc(pid, 'environ').includes(`SAM_NODE=${node}\0`);
    return isOfNode && readStat(pid) !== undefined && commandOf(pid).includes('holder/holder.ts');
  });

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};

test('told to end the agent leaves its sessions, and the next one has name, size and screen as they were', async () => {
  const { context, goal, agent } = await startRunning();
  const first = await look(context, goal.id);
  const { id } = await first.open();
  first.resize(id, 101, 33);
  first.rename(id, 'mine');
  // On the other screen, which the ring forgets: only what was noted of it says so.
  first.type(
    `printf '\\e[?1049h\\e[?1003h'; yes 0123456789012345678901234567890123456789 | head -n 60000; stty size; echo en"d"\n`,
  );
  await eventually(() => first.tail().includes('33 101\r\nend'), 'the end of it');
  expect(await agent.stop()).toBe(0);
  context.start();
  const second = await lookAgain(context, goal.id, 2);
  const [attached] = second.state.messages;
  const { first: held, end } = attached?.type === 'attached' ? attached.sessions[0]! : { first: 0, end: 0 };
  expect(attached).toMatchObject({ sessions: [{ id, name: 'mine', cols: 101, rows: 33 }] });
  expect([held > 0, end > held]).toEqual([true, true]);
  await second.resume(id);
  await eventually(() => second.state.screen !== '', 'the screen');
  expect(second.state.screen).toContain('\x1b[?47h');
  expect(second.state.screen).toContain('\x1b[?1003h');
  second.type('tty; stty size; echo "at $((6*7))"\n');
  await second.reads(/33 101\s+at 42/);
});

test('a stop ends what is held, also by an agent that found it; then nobody holds anything', async () => {
  const { context, goal, agent } = await startRunning();
  const first = await look(context, goal.id);
  await first.open();
  first.type('trap "" HUP; (trap "" HUP TERM; sleep 4711) & echo up-"now"\n');
  await first.reads(/up-now/);
  const [holder = 0] = findHolders(context.bot.node);
  expect(readFileSync(`/proc/${holder}/environ`, 'utf8')).toBe(`SAM_NODE=${context.bot.node}\0`);
  await agent.kill();
  context.bot.want({ ...goal, desired: 'stopped' });
  context.start();
  await context.bot.report(goal.id, (one) => one.phase === 'stopped' && one.sessions === 0);
  expect(await findProcesses(goal.id)).toEqual([]);
  await context.agents.at(-1)!.kill();
  await eventually(() => findHolders(context.bot.node).length === 0, 'the end of the holder');
});

test('what ended while the agent was away is heard of: the last bytes, and the exit', async () => {
  const { context, goal, agent } = await startRunning();
  const first = await look(context, goal.id);
  const { id } = await first.open();
  const go = join(context.folder, 'go');
  first.type(`echo re"a"dy; while [ ! -e ${go} ]; do sleep 0.05; done; echo the last words; exit 7\n`);
  await first.reads(/ready/);
  await agent.kill();
  writeFileSync(go, '');
  await eventually(async () => (await findProcesses(goal.id)).length === 0, 'the end of the shell');
  context.start();
  const second = await lookAgain(context, goal.id, 2);
  await second.resume(id, first.state.at);
  await second.reads(/the last words/);
  expect(await second.heard('exit')).toEqual({ type: 'exit', id, code: 7 });
  await context.bot.report(goal.id, (one) => one.sessions === 0);
});

test('with its holder a session is lost, which is said; the next one has another', async () => {
  const { context, goal } = await startRunning();
  const viewer = await look(context, goal.id);
  const { id } = await viewer.open();
  viewer.type('echo re"a"dy\n');
  await viewer.reads(/ready/);
  for (const pid of findHolders(context.bot.node)) process.kill(pid, 'SIGKILL');
  expect(await viewer.heard('exit')).toEqual({ type: 'exit', id, code: 129, isLost: true });
  await eventually(async () => (await findProcesses(goal.id)).length === 0, 'the end of the shell');
  const other = await look(context, goal.id);
  await other.open();
  other.type('echo an"other"\n');
  await other.reads(/another/);
});

test('a node that is removed takes the holder with it, whoever still lives', async () => {
  const { context, goal, agent } = await startRunning();
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('echo re"a"dy\n');
  await viewer.reads(/ready/);
  await agent.kill();
  expect(findHolders(context.bot.node)).toHaveLength(1);
  rmSync(context.dir, { recursive: true });
  await eventually(() => findHolders(context.bot.node).length === 0, 'the end of the holder');
  expect(await findProcesses(goal.id)).toEqual([]);
});

test('after a restart of the machine nothing runs, and what was on the screen is there to be read', async () => {
  const { context, goal, agent } = await startRunning();
  const first = await look(context, goal.id);
  const { id } = await first.open();
  first.type('echo "the last $((6*7)) words"\n');
  await first.reads(/the last 42 words/);
  await agent.stop();
  for (const pid of findHolders(context.bot.node)) process.kill(pid, 'SIGKILL');
  await eventually(async () => (await findProcesses(goal.id)).length === 0, 'the end of the shell');
  context.start();
  const second = await lookAgain(context, goal.id, 2);
  expect(second.state.messages[0]).toMatchObject({ sessions: [{ id, isOver: true }] });
  await second.resume(id);
  expect(await second.heard('exit')).toEqual({ type: 'exit', id, code: 129, isLost: true });
  expect(second.state.screen).toContain('the last 42 words');
  await context.bot.report(goal.id, (one) => one.phase === 'running' && one.sessions === 0);
});
