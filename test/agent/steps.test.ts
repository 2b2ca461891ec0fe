// What the steps of a workspace ask of its runtime and of its user, over stops, other wishes and crashes. Real files and git; the runtimes
// only write down what they are asked.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { DesiredWorkspace } from '../../agent/protocol.ts';
import type { RuntimeName } from '../../agent/runtimes/index.ts';
import type { Prepared, Runtime } from '../../agent/runtimes/runtime.ts';
import { createWorkspaceState } from '../../agent/workspaces/state.ts';
import { prepare, remove, stop } from '../../agent/workspaces/steps.ts';
import { createStore } from '../../agent/workspaces/store.ts';
import type { Tools } from '../../agent/workspaces/tools.ts';
import { afterRestart, type Workspace } from '../../agent/workspaces/workspace.ts';
import { ownUser } from '../../agent/system/users.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { makeRepository } from '../testers/node.ts';

interface Asked {
  runtime: RuntimeName;
  mayRebuild: boolean;
}

const done = () => Promise.resolve();

function createRecorded(
  name: RuntimeName,
  fits: boolean,
  seen: { asked: Asked[]; removed: string[]; shared: string[]; lines: string[] },
): Runtime {
  return {
    isAvailable: () => Promise.resolve(true),
    fits: () => Promise.resolve(fits),
    prepare(_workspace, { mayRebuild }): Promise<Prepared> {
      seen.asked.push({ runtime: name, mayRebuild });
      return Promise.resolve({ environment: {}, fingerprint: 'made' });
    },
    start: done,
    folder: ({ dir }) => dir,
    session: () => ({ file: 'sh', args: [], env: {}, cwd: '/' }),
    pipe: () => ({ file: '/bin/true', args: [], env: {}, cwd: '/' }),
    program: () => undefined,
    command(_workspace, line) {
      seen.lines.push(line);
      return { file: 'sh', args: ['-c', 'exit 3'], env: {}, cwd: '/' };
    },
    endCommand: done,
    connect: () => Promise.reject(new Error('nobody asks')),
    ports: () => Promise.resolve([]),
    limits: () => undefined,
    stop: () => Promise.resolve(0),
    remove: () => Promise.resolve(void seen.removed.push(name)),
    warm: done,
    sweep: () => Promise.resolve([]),
  };
}

function createPlace({ describes = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-steps-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const seen = {
    asked: [] as Asked[],
    removed: [] as string[],
    shared: [] as string[],
    lines: [] as string[],
  };
  const tools: Tools = {
    store: createStore(join(folder, 'node')),
    runtimes: {
      devcontainer: createRecorded('devcontainer', describes, seen),
      host: createRecorded('host', true, seen),
    },
    credentials: { open: done, close: done, closeAll: done },
    users: { ...ownUser, remove: (id) => Promise.resolve(void seen.removed.push(id)) },
    mirrors: {
      of: (repository, id) => void seen.shared.push(`${id} ${repository}`),
      release: (id) => Promise.resolve(void seen.removed.push(`share of ${id}`)),
    },
    models: {
      way: () => ({ url: 'http://127.0.0.1:1', token: 'x' }),
      gate: () => ({ url: 'http://127.0.0.1:1', token: 'x' }),
      prepare: done,
      open: done,
      end: done,
    },
    endSessions: done,
    log: () => {},
  };
  const desired: DesiredWorkspace = {
    id: newWorkspaceId(),
    name: 'api-1',
    repository: makeRepository(join(folder, 'api.git')).url,
    desired: 'running',
    run: 1,
    access: 0,
    force: false,
  };
  const workspace: Workspace = { desired, folder: 'api', phase: 'preparing', run: 1 };
  const task = (one = workspace) => ({
    state: createWorkspaceState(one, tools.store, () => {}),
    signal: new AbortController().signal,
  });
  /** As an agent that starts again finds it. */
  const readBack = async () => (await tools.store.readAll(() => {}))[0]!;
  const want = (one: Workspace, change: Partial<DesiredWorkspace>): Workspace => ({
    ...one,
    desired: { ...one.desired, run: one.run + 1, ...change },
  });
  return { tools, seen, task, readBack, want };
}

test('who starts what was stopped finds it as it was; who names another configuration gets that one', async () => {
  const { tools, seen, task, readBack, want } = createPlace();
  await prepare(tools, task());
  const again = async (change: Partial<DesiredWorkspace>) => {
    await stop(tools, task(want(await readBack(), { desired: 'stopped' })));
    await prepare(tools, task(want(await readBack(), { desired: 'running', ...change })));
    return seen.asked.at(-1)?.mayRebuild;
  };
  expect(await again({})).toBe(false);
  expect(await again({ configuration: 'web' })).toBe(true);
  expect(await again({})).toBe(false);
  expect(await again({ configuration: 'api' })).toBe(true);
});

test('what an older agent prepared is left as it was: what was wanted then is not known', async () => {
  const { tools, seen, task, readBack, want } = createPlace();
  await prepare(tools, task());
  const { prepared, ...one } = await readBack();
  const { wanted: _, ...old } = prepared!;
  const stopped: Workspace = { ...one, prepared: old, phase: 'stopped' };
  await prepare(tools, task(want(stopped, { configuration: 'web' })));
  expect(seen.asked.at(-1)?.mayRebuild).toBe(false);
});

test('a repository that describes no container runs on the host, though the agent ended when it was cloned', async () => {
  const { tools, seen, task, readBack } = createPlace({ describes: false });
  const { finishClone } = tools.store;
  const dying: Tools = {
    ...tools,
    store: {
      ...tools.store,
      async finishClone(one) {
        await finishClone(one);
        throw new Error('the end of the agent');
      },
    },
  };
  await expect(prepare(dying, task())).rejects.toThrow('the end of the agent');
  expect((await readBack()).runtime).toBe('devcontainer');
  await prepare(tools, task(await readBack()));
  expect(seen.asked).toEqual([{ runtime: 'host', mayRebuild: false }]);
});

test.each([true, false])(
  'the user of a workspace goes with it, in a container (%s) or not',
  async (describes) => {
    const { tools, seen, task, readBack, want } = createPlace({ describes });
    await prepare(tools, task());
    const one = await readBack();
    await remove(tools, task(want(one, { desired: 'deleted', force: true })));
    const runtime = describes ? 'devcontainer' : 'host';
    expect(seen.removed).toEqual([runtime, one.desired.id, `share of ${one.desired.id}`]);
  },
);

test.each(['sam', 'none'] as const)(
  'what the node has of a repository is for workspaces of its owner’s own code (%s): a fork’s gives and gets nothing',
  async (credentials) => {
    const { tools, seen, task, readBack, want } = createPlace();
    const workspace = task().state.now();
    await prepare(tools, task({ ...workspace, desired: { ...workspace.desired, credentials } }));
    const { id, repository } = want(await readBack(), {}).desired;
    expect(seen.shared).toEqual(credentials === 'none' ? [] : [`${id} ${repository}`]);
  },
);

test('where something of the workspace has run nothing is cloned for others, though its checkout is gone', async () => {
  const { tools, seen, task, readBack, want } = createPlace();
  await prepare(tools, task());
  rmSync(tools.store.checkout(await readBack()), { recursive: true });
  await prepare(tools, task(want(await readBack(), {})));
  expect(tools.store.hasCheckout(await readBack())).toBe(true);
  expect(seen.shared).toHaveLength(1);
});

test('dotfiles go into a container, not into a fork’s, nor into the home of whoever runs the agent; what fails is said', async () => {
  for (const [describes, credentials, isThere] of [
    [true, undefined, true],
    [true, 'none', false],
    [false, undefined, false],
  ] as const) {
    const { tools, seen, task, readBack } = createPlace({ describes });
    const workspace = task().state.now();
    const dotfiles = 'https://git.example.com/ada/dotfiles';
    const desired = { ...workspace.desired, dotfiles, ...(credentials && { credentials }) };
    await prepare(tools, task({ ...workspace, desired }));
    expect(seen.lines.length).toBe(isThere ? 1 : 0);
    const { phase, prepared } = await readBack();
    expect(phase).toBe('running');
    expect(prepared?.environment.dotfiles).toEqual(isThere ? { code: 'install-failed', exit: 3 } : undefined);
  }
});

test('dotfiles that failed are tried again by a new start, and not while terminals wait for an agent that was killed', async () => {
  const { tools, seen, task, readBack, want } = createPlace();
  const { desired } = task().state.now();
  const dotfiles = 'https://git.example.com/ada/dotfiles';
  await prepare(tools, task({ ...task().state.now(), desired: { ...desired, dotfiles } }));
  await prepare(tools, task(afterRestart(await readBack())));
  expect(seen.lines.length).toBe(1);
  const failed = { code: 'install-failed', exit: 3 };
  expect((await readBack()).prepared?.environment.dotfiles).toEqual(failed);
  await prepare(tools, task(want(await readBack(), {})));
  expect(seen.lines.length).toBe(2);
});
