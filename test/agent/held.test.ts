// Sessions outlive the agent: killed, told to end, or another version. Nothing of their output is lost or doubled.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
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
  const end = () => Buffer.concat(viewer.state.parts.slice(-3)).toString();
  await eventually(() => end().includes('it-is-over'), 'the end of the flood');
  const text = Buffer.concat([...parts, ...viewer.state.parts]).toString();
  const flood = text.slice(text.indexOf('line 1 of'), text.indexOf('it-is-over'));
  let expected = '';
  for (let line = 1; line <= lines; line++) expected += `line ${line} of a flood\r\n`;
  expect(hash(Buffer.from(flood))).toBe(hash(Buffer.from(expected)));
  viewer.type('echo "$((6*7)) in the same shell"\n');
  await eventually(() => end().includes('42 in the same shell'), 'the same shell');
});
