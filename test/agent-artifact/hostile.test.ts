// Somebody in a workspace lays traps for the agent, which is root, in the folder that is theirs. Real users, real traps.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createBroker } from '../../agent/credentials/broker.ts';
import { createLog } from '../../agent/log.ts';
import type { WorkspaceReport } from '../../agent/protocol.ts';
import { countTrees } from '../../agent/git/counting.ts';
import { commitWork } from '../../agent/git/saving-commits.ts';
import { run } from '../../agent/system/run.ts';
import { removeTree } from '../../agent/system/trees.ts';
import type { User } from '../../agent/system/users.ts';
import { asRoot, startNode } from './node.ts';

/** What no trap may reach: root's own, open to look at. */
function makeVictim(folder: string) {
  const victim = join(folder, 'victim');
  mkdirSync(victim, { mode: 0o755 });
  writeFileSync(join(victim, 'file'), 'of root', { mode: 0o644 });
  const look = () =>
    [victim, join(victim, 'file')].map((path) => {
      const { uid, gid, mode } = statSync(path);
      return [path, uid, gid, mode, path === victim || readFileSync(path, 'utf8')];
    });
  const before = look();
  return { path: victim, isUntouched: () => expect(look()).toEqual(before) };
}

/** A line of a shell as the workspace's user, in its folder. */
function runAs({ uid, gid, home }: User, cwd: string, line: string): void {
  const { status, stderr } = spawnSync('sh', ['-ec', line], {
    uid,
    gid,
    cwd,
    env: { HOME: home, PATH: process.env['PATH'] },
  });
  expect([status, String(stderr)]).toEqual([0, '']);
}

/** Somebody who is not root, with a folder of their own and a program that does `body` there again and again. */
async function startIntruder(body: (victim: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-hostile-'));
  chmodSync(folder, 0o711);
  const own = join(folder, 'own');
  mkdirSync(own, { mode: 0o700 });
  const [uid, gid] = [29_990, 29_990];
  chownSync(own, uid, gid);
  const victim = makeVictim(folder);
  const script = `const fs = require('node:fs'); const may = (work) => { try { return work(); } catch {} };
    console.log('begins'); for (;;) { ${body(victim.path)} }`;
  const child = spawn(process.execPath, ['-e', script], {
    uid,
    gid,
    cwd: own,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return { own, victim, user: { name: 'intruder', uid, gid, home: own } };
}

const isRunning = (run: number) => (report: WorkspaceReport) =>
  report.phase === 'running' && report.run === run;

asRoot('a home that leads elsewhere makes nobody the owner of what lies there', async () => {
  const { context, users, one, folder } = await startNode();
  const victim = makeVictim(context.folder);
  const user = users.find(one.id)!;
  runAs(user, folder(one), `touch .home/mine; mv .home kept; ln -s ${victim.path} .home`);
  context.bot.want({ ...one, run: 2 });
  await context.bot.report(one.id, isRunning(2));
  victim.isUntouched();
  const home = lstatSync(user.home);
  expect([home.isDirectory(), home.uid, home.mode & 0o777]).toEqual([true, user.uid, 0o700]);
  expect(existsSync(join(folder(one), 'kept/mine'))).toBe(true);
});

asRoot('whatever lies where the agent keeps its state, it starts, and knows its workspaces', async () => {
  const { context, users, one, other, folder } = await startNode();
  const user = users.find(one.id)!;
  const traps = [
    'mkfifo workspace.json',
    'mkdir workspace.json',
    'ln -s /dev/zero workspace.json',
    'truncate -s 1G workspace.json',
    `printf '%s' '${JSON.stringify({ desired: { ...one, credentials: 'sam', name: 'forged' }, folder: 'api', phase: 'stopped', run: 9 })}' > workspace.json`,
  ];
  for (const [index, trap] of traps.entries()) {
    await context.agents.at(-1)!.stop();
    runAs(user, folder(one), `rm -rf workspace.json; mkdir -p workspace.json.0.tmp; ${trap}`);
    context.bot.state.desired = [];
    context.start();
    await context.bot.until(
      () => context.bot.state.hellos.length === index + 2,
      () => `a hello after: ${trap}`,
    );
    for (const { id } of [one, other]) await context.bot.report(id, isRunning(1));
  }
});

asRoot('a link in place of the checkout leads nobody to where they may not go by themselves', async () => {
  const { users, open, context, one, other, folder } = await startNode();
  const user = users.find(one.id)!;
  writeFileSync(join(folder(other), 'api/secret'), 'secret-of-other\n', { mode: 0o644 });
  const neighbour = await open(other);
  neighbour.type('echo "number:$$:"\n');
  const [, pid] = await neighbour.reads(/number:(\d+):/);
  runAs(user, folder(one), 'mv api kept');
  for (const [index, target] of [`/proc/${pid}/cwd`, join(folder(other), 'api')].entries()) {
    runAs(user, folder(one), `ln -sfn ${target} api`);
    expect(readFileSync(join(folder(one), 'api/secret'), 'utf8')).toBe('secret-of-other\n');
    context.bot.want({ ...one, run: index + 2 });
    expect((await context.bot.report(one.id, isRunning(index + 2))).commit).toBeUndefined();
    const shell = await open(one);
    shell.type('cat secret; pwd\n');
    await shell.reads(/can't cd|Permission denied/);
    await shell.heard('exit');
    expect(shell.state.output).not.toContain('secret-of');
    const link = {
      cwd: join(folder(one), 'api'),
      env: { PATH: process.env['PATH']! },
      timeoutMs: 10_000,
      user,
    };
    expect(await run('cat', ['secret'], link)).toMatchObject({ stdout: '', code: expect.toBeOneOf([1, 2]) });
  }
  context.bot.want({ ...one, desired: 'deleted' });
  const { failure } = await context.bot.report(one.id, (report) => report.refused !== undefined);
  expect(failure).toMatchObject({ code: 'unknown-work' });
  runAs(user, folder(one), 'rm api; mv kept api');
  context.bot.want({ ...one, run: 4 });
  await context.bot.report(one.id, isRunning(4));
  const shell = await open(one);
  shell.type('echo "in:$PWD:$OLDPWD:"\n');
  await shell.reads(new RegExp(`in:${folder(one)}/api::`));
});

asRoot('the door for git belongs to its workspace, and a link in its place gives nothing away', async () => {
  const { own, victim, user } = await startIntruder(
    (file) =>
      `may(() => { fs.lstatSync('.git.sock'); fs.symlinkSync('${file}/file', 'link'); fs.renameSync('link', '.git.sock'); });`,
  );
  const desk = createBroker(
    () => Promise.reject(new Error('nobody asks')),
    createLog(() => {}),
  );
  const subject = () => ({ id: 'ws-aaaaaaaaaaaa', repositories: [], isOpen: true });
  for (let time = 0; time < 100; time++) {
    await desk.open(join(own, '.git.sock'), subject);
    await desk.close(join(own, '.git.sock'));
  }
  victim.isUntouched();
  const quiet = join(own, '.quiet.sock');
  await desk.open(quiet, subject);
  onTestFinished(() => desk.closeAll());
  const { uid, mode } = lstatSync(quiet);
  expect([uid, mode & 0o777]).toEqual([user.uid, 0o600]);
});

asRoot('what is saved is written by the workspace’s own user', async () => {
  const { own, victim, user } = await startIntruder(
    (file) => `may(() => fs.symlinkSync('${file}/file', '.saving/objects/info/alternates'));`,
  );
  runAs(
    user,
    own,
    'git init -q -b main api; cd api; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x; echo x > f; git add f',
  );
  const [checkout, scratch] = [join(own, 'api'), join(own, '.saving')];
  const subject = {
    id: 'ws-aaaaaaaaaaaa',
    name: 'api',
    repository: 'https://example.com/a/b.git',
    mark: {},
    base: undefined,
  };
  const counted = await countTrees({ ...subject, user }, checkout, {});
  const saving = commitWork({ ...subject, checkout, scratch, user }, counted);
  await expect(saving).rejects.toThrow(/alternates|object|HEAD/);
  victim.isUntouched();
});

asRoot('a folder that becomes a link while it is removed takes nothing along', async () => {
  // As soon as the first file goes, the folder is exchanged for a link to where files of the same names lie.
  const { own, victim } = await startIntruder(
    (file) => `may(() => fs.mkdirSync('made/trap', { recursive: true }));
      for (let n = 0; n < 1000; n++) may(() => fs.writeFileSync('made/trap/' + n, ''));
      may(() => fs.symlinkSync('${file}', 'link'));
      may(() => fs.renameSync('made', 'deep'));
      for (const until = Date.now() + 2000; Date.now() < until && may(() => fs.readdirSync('deep/trap').length) === 1000;);
      may(() => fs.renameSync('deep/trap', 'deep/was'));
      may(() => fs.renameSync('link', 'deep/trap'));`,
  );
  const names = Array.from({ length: 1000 }, (_, number) => String(number));
  for (const name of names) writeFileSync(join(victim.path, name), '');
  for (let time = 0; time < 3; time++) {
    await expect.poll(() => existsSync(join(own, 'deep')), { timeout: 20_000, interval: 1 }).toBe(true);
    await removeTree(join(own, 'deep')).catch(() => undefined);
  }
  expect(readdirSync(victim.path).length).toBe(names.length + 1);
});
