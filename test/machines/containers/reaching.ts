// What tests of a container's way to the agent begin with: a node whose bot has passwords and a key, and a repository that only
// passwords open, also from the engine's network.
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { DesiredWorkspace } from '../../../agent/protocol.ts';
import { serveGit } from '../../agent/git/server.ts';
import { attach } from '../../agent/viewer.ts';
import { KEY, startModel } from '../../fakes/model.ts';
import { createNode, git, makeRepository, type Node } from '../../testers/node.ts';
import { BASE, type TestEngine } from '../engine.ts';
import { forward, socketAt } from '../forward.ts';

export const TOKEN = 'canary-of-git';
const FORWARD = fileURLToPath(new URL('../forward.ts', import.meta.url));

/** A line that says `at <address> <status line>`, by nothing but a shell. */
export const ASK = String.raw`exec 3<>"/dev/tcp/127.0.0.1/$(echo "$ANTHROPIC_BASE_URL" | cut -d: -f3)"; printf 'GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n' "$ANTHROPIC_AUTH_TOKEN" >&3; echo "at $ANTHROPIC_BASE_URL $(head -n 1 <&3)"
`;

/** `configuration`: of the repository's container. `guard`: what its server wants. `packages`: where Claude Code comes from. */
export async function beginReach(
  engine: TestEngine,
  configuration: object,
  { guard = { token: TOKEN }, packages }: { guard?: { token?: string }; packages?: string } = {},
) {
  const context = await createNode({ settings: {} });
  const model = await startModel();
  Object.assign(context.bot.state, {
    environments: { runtime: 'auto' },
    password: TOKEN,
    models: { anthropic: model.url, openai: model.url },
    modelKeys: { anthropic: KEY },
    packages,
  });
  const root = join(context.folder, 'repositories');
  const repository = makeRepository(join(root, 'api.git'));
  git(repository.path, 'config', 'http.receivepack', 'true');
  repository.commit({ '.devcontainer.json': JSON.stringify({ image: BASE, ...configuration }) });
  const server = await serveGit(root, guard);
  await letIn(engine, context.folder, Number(new URL(server.url('')).port));
  const want = async (change: Partial<DesiredWorkspace> = {}) => {
    const goal = context.goal({ repository: server.url('api.git'), credentials: 'sam', ...change });
    context.bot.want(goal);
    const report = await context.bot.report(
      goal.id,
      ({ phase }) => phase === 'running' || phase === 'failed',
      120_000,
    );
    expect(report).toMatchObject({ phase: 'running', environment: { runtime: 'devcontainer' } });
    expect(report.failure).toBeUndefined();
    return goal;
  };
  const agent = context.start(engine.env);
  return { context, agent, model, repository, want };
}

/** What listens at this port of loopback is there for the engine, too. */
async function letIn(engine: TestEngine, folder: string, port: number): Promise<void> {
  const way = await forward(socketAt(folder, 'out', port), port);
  const beside = engine.spawnBeside(process.execPath, [FORWARD, folder, `out:${port}`]);
  onTestFinished(() => {
    beside.kill();
    way.close();
  });
  await once(beside.stdout, 'data');
}

export async function openTerminal(context: Node, goal: DesiredWorkspace, profile?: string) {
  const port = context.bot.state.hellos.at(-1)!.terminalPort!;
  const viewer = await attach(port, await context.bot.ticket(goal.id));
  await viewer.open(profile);
  return viewer;
}

export const containerOf = (engine: TestEngine, { id }: Pick<DesiredWorkspace, 'id'>): string =>
  engine.containers(`label=sam.workspace=${id}`)[0]!;

/** Their numbers on the node. */
export const relaysOf = (engine: TestEngine, goal: Pick<DesiredWorkspace, 'id'>): string[] =>
  engine
    .docker('top', containerOf(engine, goal), '-eo', 'pid,args')
    .split('\n')
    .flatMap((line) => (line.includes('relay') ? [line.trim().split(' ')[0]!] : []));

/** On the node. */
export const socketsOf = ({ dir }: Node, { id }: DesiredWorkspace): string =>
  join(dir, 'environments', id, 'sockets');
