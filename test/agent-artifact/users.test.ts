// Workspaces as unix users of their own: real users, real terminals. Needs root, as on a node; without it these tests are
// left out, and say so.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createLoadMeter, type Times } from '../../agent/bot-link/outbox.ts';
import { becoming, createUsers, findProcessesOf } from '../../agent/system/users.ts';
import { createNode } from '../testers/node.ts';
import { asRoot, startNode } from './node.ts';

asRoot(
  'a shell is its workspace’s own user, at home, with the checkout as its own, and no group of root',
  async () => {
    const { context, users, open, one, folder } = await startNode();
    const { name, uid, home } = users.find(one.id)!;
    expect(name).toMatch(/^sam-[a-z2-7]{12}$/);
    const shell = await open(one);
    shell.type(
      'echo "<$(id -un) $(id -G) $HOME $(grep -c . /proc/self/fdinfo/0)>"; grep ^Cap /proc/self/status\n',
    );
    expect((await shell.reads(/<(sam-\w+) (\d+) (\S+) \d+>/)).slice(1)).toEqual([name, String(uid), home]);
    await shell.reads(/CapEff:\s+0+\r/);
    shell.type(
      'echo x > file && git -c color.ui=never status --short && git -c color.ui=never --no-pager log --oneline && test -w "$(tty)" && echo done-it\n',
    );
    await shell.reads(/\?\? file[^]*change[^]*\ndone-it/);
    expect(statSync(join(folder(one), 'api/file')).uid).toBe(uid);
    const { commit } = await context.bot.report(one.id, (report) => report.commit !== undefined);
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
  },
);

asRoot('of the groups that the agent is in, none stays', async () => {
  const { users, one } = await startNode();
  const user = users.find(one.id)!;
  const { file, args } = becoming(user, { file: 'id', args: ['-G'] }, { cwd: '/', doors: [] });
  const groups = execFileSync('setpriv', ['--groups', '4,27', '--', file, ...args], { encoding: 'utf8' });
  expect(groups.trim()).toBe(String(user.gid));
});

asRoot('a workspace reads neither another’s files nor the agent’s', async () => {
  const { context, open, one, other, folder } = await startNode();
  writeFileSync(join(folder(other), 'api/secret'), 'secret-of-other\n', { mode: 0o644 });
  const shell = await open(one);
  const targets = [
    `cat ${folder(other)}/api/secret`,
    `ls ${folder(other)}`,
    `cat ${context.dir}/agent-key.json`,
    `ls ${context.dir}`,
    `ls ${context.dir}/workspaces`,
    `cat ${context.dir}/states/${one.id}.json`,
    `echo x > ${folder(other)}/api/README.md`,
    `kill -9 $(pgrep -f agent/main.ts)`,
  ];
  for (const [number, target] of targets.entries()) {
    shell.type(`(${target}) > /dev/null 2>&1 && echo "got""-in-${number}" || echo "kept""-out-${number}"\n`);
    expect((await shell.reads(new RegExp(`(got-in|kept-out)-${number}`)))[0]).toBe(`kept-out-${number}`);
  }
});

asRoot(
  'when a workspace stops or goes, its processes, files and user go, whatever they made of themselves',
  async () => {
    const { context, users, open, one, other, folder } = await startNode();
    const { uid, name } = users.find(one.id)!;
    const shell = await open(one);
    // Its own session, its own parent, and not a word of its workspace in its environment.
    shell.type(
      'env -i setsid sh -c "sleep 987 & exec sleep 988" & sleep 0.1; touch /tmp/of-$(id -un); echo started-"it"\n',
    );
    await shell.reads(/started-it/);
    await expect.poll(() => findProcessesOf(uid).length).toBeGreaterThanOrEqual(3);
    context.bot.want({ ...one, desired: 'stopped' });
    await context.bot.report(one.id, ({ phase }) => phase === 'stopped');
    expect(findProcessesOf(uid)).toEqual([]);
    context.bot.want({ ...one, desired: 'deleted', force: true });
    await context.bot.report(one.id, ({ phase }) => phase === 'deleted');
    expect(findProcessesOf(uid)).toEqual([]);
    expect(existsSync(folder(one))).toBe(false);
    expect(existsSync(`/tmp/of-${name}`)).toBe(false);
    expect(users.find(one.id)).toBeUndefined();
    expect(execFileSync('getent', ['group'], { encoding: 'utf8' })).not.toContain(name);
    expect(users.find(other.id)).toBeDefined();
  },
);

asRoot('whatever resists, a stop and a forced deletion end all of it, and only that', async () => {
  const { context, users, open, one, other, folder } = await startNode();
  const { uid } = users.find(one.id)!;
  const neighbour = users.find(other.id)!;
  const shell = await open(one);
  // Each number lives for a moment: nobody who reads a list of them meets one that is still there.
  const begin = `(for n in $(seq 200); do setsid sh -c 'trap "" HUP TERM; while :; do sleep 0.3 & wait; done' & done
    export SAM_WORKSPACE=${other.id}; setsid sh -c 'trap "" HUP TERM; while :; do sleep 0.1 & wait; done' &
    setsid sh -c 'trap "" HUP TERM; f() { : >/tmp/beat-${one.id}; f & }; f' &) >/dev/null 2>&1; echo up-"now"\n`;
  const isBeating = async () => {
    rmSync(`/tmp/beat-${one.id}`, { force: true });
    await delay(500);
    return existsSync(`/tmp/beat-${one.id}`);
  };
  const inTime = async (id: string, phase: string) => {
    const startedAt = performance.now();
    const report = await context.bot.report(id, (now) => now.phase === phase || now.phase === 'failed');
    expect(report).toMatchObject({ phase });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  };
  shell.type(begin);
  await shell.reads(/up-now/);
  await expect.poll(() => findProcessesOf(uid).length).toBeGreaterThan(200);
  expect(await isBeating()).toBe(true);
  // The neighbour's name is in their environment: that is no reason to touch them, or to wait for them.
  context.bot.want({ ...other, desired: 'stopped' });
  await inTime(other.id, 'stopped');
  expect(findProcessesOf(uid).length).toBeGreaterThan(200);
  expect(findProcessesOf(neighbour.uid)).toEqual([]);
  context.bot.want({ ...one, desired: 'stopped' });
  await inTime(one.id, 'stopped');
  expect([findProcessesOf(uid), await isBeating()]).toEqual([[], false]);
  context.bot.want({ ...one, run: 2 });
  await context.bot.report(one.id, ({ phase, run }) => phase === 'running' && run === 2);
  const again = await open(one);
  again.type(begin);
  await again.reads(/up-now/);
  context.bot.want({ ...one, run: 2, desired: 'deleted', force: true });
  await inTime(one.id, 'deleted');
  expect([findProcessesOf(uid), await isBeating(), existsSync(folder(one))]).toEqual([[], false, false]);
});

asRoot('what programs keep at home is no work that a deletion would lose', async () => {
  const { context, open, one } = await startNode();
  const shell = await open(one);
  shell.type('echo history > ~/.bash_history; mkdir -p ~/.cache; echo kept-"it"\n');
  await shell.reads(/kept-it/);
  context.bot.want({ ...one, desired: 'deleted' });
  const { refused } = await context.bot.report(
    one.id,
    ({ phase, refused: work }) => phase === 'deleted' || work !== undefined,
  );
  expect(refused).toBeUndefined();
});

asRoot('after a restart of the agent the workspace has the user that it had', async () => {
  const { context, users, open, one } = await startNode();
  const before = users.find(one.id);
  await context.agents[0]!.stop();
  context.start();
  await context.bot.until(
    () => context.bot.state.hellos.length === 2,
    () => 'the second hello',
  );
  await context.bot.report(one.id, ({ phase }) => phase === 'running');
  const shell = await open(one);
  shell.type('echo "<$(id -un)>"\n');
  await shell.reads(new RegExp(`<${before!.name}>`));
  expect(users.find(one.id)).toEqual(before);
});

asRoot('users that are made at the same moment do not stand in each other’s way', async () => {
  const context = await createNode();
  const users = createUsers(context.dir);
  const ids = Array.from({ length: 4 }, () => context.goal({ repository: 'https://example.com/a/b.git' }).id);
  onTestFinished(async () => {
    for (const id of ids) await users.remove(id);
  });
  for (const id of ids) mkdirSync(join(context.dir, 'workspaces', id), { recursive: true });
  await Promise.all(ids.map((id) => users.prepare(id)));
  expect(new Set(ids.map((id) => users.find(id)!.uid)).size).toBe(4);
  for (const id of ids) expect(readdirSync(join(context.dir, 'workspaces', id))).toEqual(['.home']);
});

asRoot(
  'git in a shell gets the password of its own repository, and the neighbour cannot ask for it',
  async () => {
    const { open, one, other, folder } = await startNode({ password: 'of-git' });
    const shell = await open(one);
    shell.type(
      'git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git push -q && echo pushed-"it"\n',
    );
    await shell.reads(/pushed-it/);
    const neighbour = await open(other);
    const question = `require("net").connect("${folder(one)}/.git.sock").on("error", (e) => console.log("got-" + e.code))`;
    neighbour.type(`${process.execPath} -e '${question}'\n`);
    await neighbour.reads(/got-EACCES/);
  },
);

test('the load is that of all cores over the last minute', () => {
  let now = 0;
  let times: Times = { busy: 900, all: 1000 };
  const measure = createLoadMeter(
    () => times,
    () => now,
  );
  expect(measure().cpu).toBe(0.9);
  const later = (ms: number, busy: number, all: number): number => {
    now += ms;
    times = { busy: times.busy + busy, all: times.all + all };
    return measure().cpu;
  };
  later(30_000, 0, 100);
  expect(later(30_000, 100, 100)).toBe(0.5);
  expect(later(30_000, 100, 100)).toBe(1);
  expect(later(30_000, 0, 100)).toBe(0.5);
  expect(measure().memory).toBeGreaterThan(0);
});
