// What one workspace may use: a bomb of processes and a glutton end in their own group, and everybody else goes on.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { totalmem } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import type { Limits } from '../../../agent/protocol.ts';
import { endPrograms } from '../../../agent/system/ending.ts';
import { createGroups, shareOut, type Groups } from '../../../agent/system/groups.ts';
import { newWorkspaceId } from '../../../bot/ids.ts';
import { isLeftOut } from '../../needs.ts';
import { createNode } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';
import { look } from '../viewer.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;
const SMALL = { all: shareOut(totalmem()).all, one: { memory: 64 * MIB, processes: 40 } };
const NAMELESS = ['setpriv', '--reuid', '54321', '--regid', '54321', '--clear-groups'];

const asRoot = test.runIf(process.getuid?.() === 0);

/** A group of its own; false: there is none to be had here. */
function open(groups: Groups) {
  const id = newWorkspaceId();
  const doors = groups.doors(id);
  onTestFinished(async () => {
    await endPrograms([groups.programs(id)], { graceMs: 0 });
    groups.remove(id);
  });
  const enter = doors.map((door) => `echo 0 >"${door}"`).join('; ');
  const start = (line: string) =>
    spawn('sh', ['-c', `${enter}; ${line}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  return { id, start, isMissing: groups.limits(id) === undefined && 'nothing here can set any' };
}

/** A shell that answers to lines. */
async function says(shell: ReturnType<typeof spawn>, word: string): Promise<string> {
  const heard = once(shell.stdout!, 'data');
  shell.stdin!.write(`echo ${word}\n`);
  return String((await heard)[0]).trim();
}

const reached = (groups: Groups, id: string, what: NonNullable<Limits['reached']>[number]) =>
  eventually(() => groups.limits(id)?.reached?.includes(what) ?? false, `the limit of ${what}`);

asRoot(
  'a bomb of processes fills its own group, and a shell in another one still starts programs',
  async () => {
    const groups = createGroups(SMALL);
    const [bombed, other] = [open(groups), open(groups)];
    if (isLeftOut('limits', bombed.isMissing)) return;
    const shell = other.start('exec sh');
    expect(await says(shell, 'before')).toBe('before');
    bombed.start('f() { f | f & }; f; exec sleep 600');
    await reached(groups, bombed.id, 'processes');
    expect((await groups.programs(bombed.id).find()).length).toBeLessThanOrEqual(40);
    expect(await says(shell, '$(env echo after)')).toBe('after');
    expect(groups.limits(other.id)).toEqual(SMALL.one);
    expect(await endPrograms([groups.programs(bombed.id)], { graceMs: 0 })).toBe(0);
  },
);

asRoot('who takes too much memory is killed in its own group; what is beside it lives on', async () => {
  const groups = createGroups(SMALL);
  const [glutton, other] = [open(groups), open(groups)];
  if (isLeftOut('limits', glutton.isMissing)) return;
  const [shell, neighbour] = [glutton.start('exec sh'), other.start('exec sh')];
  shell.stdin!.write('tail /dev/zero; ');
  expect(await says(shell, '$?')).toBe('137');
  await reached(groups, glutton.id, 'memory');
  expect(await says(neighbour, 'there')).toBe('there');
  expect(groups.limits(other.id)).toEqual(SMALL.one);
});

test('one workspace leaves something to the others, and all of them to the agent', () => {
  for (const total of [GIB / 2, GIB, 4 * GIB, 16 * GIB, 192 * GIB]) {
    const { all, one } = shareOut(total);
    expect(one.memory, String(total)).toBeLessThan(Math.max(all, 256 * MIB));
    expect(all).toBeLessThanOrEqual(total * 0.875);
    expect(one.processes).toBeGreaterThanOrEqual(1_024);
  }
  expect(shareOut(4 * GIB)).toEqual({
    all: 3_584 * MIB,
    one: { memory: 2_867 * MIB, processes: 2_867 },
  });
});

asRoot('an agent says what it holds a workspace to; its sessions are in there', async () => {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  context.start();
  const report = await context.bot.report(goal.id, (one) => one.phase === 'running');
  if (isLeftOut('limits', report.limits === null && 'nothing here can set any')) return;
  const { one } = shareOut(totalmem());
  expect(report.limits).toEqual(one);
  const viewer = await look(context, goal.id);
  await viewer.open();
  viewer.type('echo "<$(grep -c "/sam/$SAM_WORKSPACE$" /proc/self/cgroup)>"\n');
  expect(Number((await viewer.reads(/<(\d+)>/))[1])).toBeGreaterThan(0);
});

asRoot('an agent that can hold nobody says that', async () => {
  const context = await createNode();
  const goal = context.goal();
  execFileSync('chown', ['-R', '54321:54321', context.folder]);
  execFileSync('chmod', ['755', context.folder]);
  context.bot.want(goal);
  context.start({ HOME: context.folder }, NAMELESS);
  expect((await context.bot.report(goal.id, (one) => one.phase === 'running')).limits).toBe(null);
});
