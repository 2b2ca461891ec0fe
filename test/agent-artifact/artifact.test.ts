// The agent as nodes get it: built, unpacked, and started on a machine that has no Node.
import { execFileSync, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { FRAME_HEAD_BYTES, Frame, OFFSET_BYTES } from '../../agent/protocol.ts';
import { checkIntegrity } from '../../tools/packages.ts';
import { bundleAgent, ENTRIES } from '../../tools/bundle-agent.ts';
import { tar } from '../../tools/tar.ts';
import { ORIGIN } from '../testers/node-bot.ts';
import { serveGit } from '../agent/git/server.ts';
import { createNode, makeRepository } from '../testers/node.ts';
import { attach } from '../agent/viewer.ts';
import { followChild } from './child.ts';
import { build, unpack } from './build.ts';

let built: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  built = await build();
}, 120_000);

test('two builds give the same bytes', { timeout: 120_000 }, async () => {
  const again = await build();
  expect(again.manifest).toEqual(built.manifest);
  expect(readFileSync(again.archive).equals(readFileSync(built.archive))).toBe(true);
});

test('an archive says nothing of who packed it, where and when', () => {
  const listing = execFileSync('tar', ['--numeric-owner', '-tvzf', built.archive], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], TZ: 'UTC' },
  });
  for (const line of listing.trim().split('\n'))
    expect(line).toMatch(/^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) 0\/0 +\d+ 1970-01-01 00:00 /);
  const main = execFileSync('tar', ['-xzOf', built.archive, 'lib/main.js'], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  expect(main).not.toContain(join(import.meta.dirname, '../..'));
});

test('any change is a version of its own', () => {
  expect(built.manifest.version).toMatch(/^\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
});

test('from an empty folder, with no Node on the machine, it clones with a password, serves a terminal and redraws it', async () => {
  const context = await createNode();
  const folder = unpack(built.archive, join(context.folder, `opt/agent-${built.manifest.version}`));
  const agent = startArtifact(folder, context);
  makeRepository(join(context.folder, 'private/api.git'));
  const server = await serveGit(join(context.folder, 'private'), { token: 'of-git' });
  context.bot.state.password = 'of-git';
  const goal = context.goal({ repository: server.url('api.git'), credentials: 'sam' });
  context.bot.want(goal);
  await context.bot.report(goal.id, ({ phase }) => phase === 'running');
  const hello = context.bot.state.hellos[0];
  expect(hello?.version).toBe(built.manifest.version);
  const first = await attach(hello!.terminalPort!, await context.bot.ticket(goal.id));
  const { id } = await first.open();
  first.type("printf 'overwritten\\rwith %s letters\\n' eleven\n");
  await first.reads(/with eleven letters/);
  // A page that comes later gets a screen, which the thread beside the agent draws.
  const screen = await redraw(hello!.terminalPort!, await context.bot.ticket(goal.id), id);
  expect(screen).toContain('with eleven letters');
  expect(screen).not.toContain('overwritten\r');
  expect(agent.output()).not.toMatch(/error|warn/i);
});

test('a program that is added to the agent is either built or missed', async () => {
  for (const forgotten of ['snapshot-worker.ts', 'helper.ts'])
    await expect(bundleAgent(ENTRIES.filter((entry) => !entry.endsWith(`/${forgotten}`)))).rejects.toThrow(
      `${forgotten} is started, and not in ENTRIES`,
    );
  await expect(bundleAgent([...ENTRIES, 'tools/tar.ts'])).rejects.toThrow(
    /nothing in agent\/ starts tools\/tar.ts/,
  );
});

test('what is fetched for another processor has to be what the lockfile names', () => {
  const integrity =
    'sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==';
  expect(() => checkIntegrity('a@1', Buffer.alloc(0), integrity)).not.toThrow();
  expect(() => checkIntegrity('a@1', Buffer.from('other'), integrity)).toThrow(/a@1: what came is not/);
});

test('long names and empty files survive the archive', () => {
  const long = `${'folder/'.repeat(15)}${'f'.repeat(80)}`;
  const entries = [
    { path: long, isExecutable: true, content: Buffer.from('x'.repeat(513)) },
    { path: 'empty', isExecutable: false, content: Buffer.alloc(0) },
  ];
  const listing = execFileSync('tar', ['-tf', '-'], { input: tar(entries), encoding: 'utf8' });
  expect(listing.split('\n')).toEqual(expect.arrayContaining(['empty', long]));
  expect(() => tar([{ ...entries[0]!, path: 'g'.repeat(101) }])).toThrow(/too long/);
});

/** What a page that attaches now is sent first. */
async function redraw(port: number, ticket: string, id: string): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/terminal`, { origin: ORIGIN });
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'attach', ticket }));
  socket.send(JSON.stringify({ type: 'resume', id }));
  for await (const [data, isBinary] of on(socket, 'message') as AsyncIterable<[Buffer, boolean]>)
    if (isBinary && data[0] === Frame.SNAPSHOT)
      return data.subarray(FRAME_HEAD_BYTES + OFFSET_BYTES).toString();
  throw new Error('no screen came');
}

/** Its PATH has a shell and git, and no `node`. */
function startArtifact(folder: string, context: Awaited<ReturnType<typeof createNode>>) {
  const { bot, dir } = context;
  const home = join(context.folder, 'home');
  mkdirSync(home);
  const path = join(context.folder, 'bin');
  mkdirSync(path);
  const programs = 'sh bash env git cat dirname readlink rm ln mv touch ps'.split(' ');
  for (const name of programs)
    symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(path, name));
  const child = spawn(join(folder, 'sam-agent'), [], {
    env: {
      PATH: path,
      HOME: home,
      SAM_URL: bot.url,
      SAM_NODE: bot.node,
      SAM_BOOTSTRAP_TOKEN: bot.bootstrapToken,
      SAM_DIR: dir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return followChild(child);
}
