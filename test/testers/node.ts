// What a test of the agent stands on: a folder, a bot, agents as real processes, repositories. Leaves nothing behind.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { endPrograms } from '../../agent/system/ending.ts';
import { createGroups } from '../../agent/system/groups.ts';
import { traceMarked, tracePrograms } from '../../agent/system/processes.ts';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { startBot, type Bot } from './node-bot.ts';

const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

export type Node = Awaited<ReturnType<typeof createNode>>;

export async function createNode(options: Parameters<typeof startBot>[0] = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-agent-'));
  const bot = await startBot(options);
  const agents: Agent[] = [];
  const ids: string[] = [];
  onTestFinished(async () => {
    for (const agent of agents) await agent.kill();
    await bot.vanish();
    // Held sessions, and who holds them, outlive agents.
    await endPrograms([await traceMarked(`SAM_NODE=${bot.node}`)], { graceMs: 0 });
    const groups = createGroups();
    for (const id of ids) {
      await endPrograms([groups.programs(id), await tracePrograms(id)], { graceMs: 0 });
      groups.remove(id);
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const dir = join(folder, 'node');
  return {
    folder,
    dir,
    bot,
    agents,
    /** Starts an agent of this node; each call another process on the same folder. `prefix`: what starts it. */
    start(env: Record<string, string> = {}, prefix: string[] = []) {
      const agent = startAgent(bot, dir, folder, env, prefix);
      agents.push(agent);
      return agent;
    },
    /** A new goal; its repository is a fresh one of one commit unless named. */
    goal(change: Partial<DesiredWorkspace> = {}): DesiredWorkspace {
      const id = newWorkspaceId();
      ids.push(id);
      const repository = change.repository ?? makeRepository(join(folder, 'repositories', `${id}.git`)).url;
      return {
        id,
        name: 'api-1',
        desired: 'running',
        run: 1,
        access: 0,
        force: false,
        ...change,
        repository,
      };
    },
    checkout: (goal: DesiredWorkspace) =>
      join(
        dir,
        'workspaces',
        goal.id,
        goal.repository
          .split('/')
          .pop()!
          .replace(/\.git$/, ''),
      ),
  };
}

/** A node with one workspace, which runs. `env`: of its agent. */
export async function startRunning(env: Record<string, string> = {}) {
  const context = await createNode();
  const goal = context.goal();
  context.bot.want(goal);
  const agent = context.start(env);
  await context.bot.report(goal.id, (one) => one.phase === 'running');
  return { context, goal, agent, checkout: context.checkout(goal) };
}

export type Agent = ReturnType<typeof startAgent>;

function startAgent(bot: Bot, dir: string, home: string, env: Record<string, string>, prefix: string[]) {
  const [file, ...args] = [...prefix, process.execPath, MAIN];
  const child: ChildProcess = spawn(file!, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      SAM_URL: bot.url,
      SAM_NODE: bot.node,
      SAM_BOOTSTRAP_TOKEN: bot.bootstrapToken,
      SAM_DIR: dir,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    pid: child.pid!,
    ended,
    /** Everything that it wrote. */
    output: () => output,
    /** As `kill -9` does; resolves when it is gone. */
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** A bare repository with one commit on `main`; `url` is its path. `commit` adds another and gives its id. */
export function makeRepository(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  git(dirname(path), 'init', '-q', '--bare', '-b', 'main', path);
  git(path, 'config', 'uploadpack.allowFilter', 'true');
  const commit = (files: Record<string, string>, branch = 'main') => {
    const work = mkdtempSync(join(tmpdir(), 'sam-commit-'));
    try {
      git(work, 'clone', '-q', path, 'work');
      const at = join(work, 'work');
      git(at, 'checkout', '-q', '-B', branch);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
      git(at, 'add', '-A');
      git(at, 'commit', '-q', '-m', 'change');
      git(at, 'push', '-q', 'origin', branch);
      return git(at, 'rev-parse', 'HEAD').trim();
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  };
  const first = commit({ 'README.md': 'hello\n' });
  return { url: path, path, first, commit };
}

export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@sam.test', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' },
  });
}
