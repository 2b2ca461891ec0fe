// What tests of tasks stand on: a checkout, the tasks of a node without its connections, a coding agent that does what it is told.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { CodingPlace } from '../../../agent/coding/coder.ts';
import { endCoding } from '../../../agent/coding/process.ts';
import { openTasks, type Standing, type Tasks, type TasksOptions } from '../../../agent/coding/tasks.ts';
import type {
  DesiredPush,
  DesiredTurn,
  PushResult,
  TaskEvent,
  TurnHappening,
} from '../../../agent/protocol.ts';
import type { CodingPrograms } from '../../../agent/coding/programs.ts';
import { COMMAND_MARK } from '../../../agent/runtimes/runtime.ts';
import { endPrograms } from '../../../agent/system/ending.ts';
import { traceMarked } from '../../../agent/system/processes.ts';
import { newWorkspaceId, randomBase32 } from '../../../bot/ids.ts';
import { git, makeRepository } from '../../testers/node.ts';
import { createWatch } from '../../testers/watch.ts';

const SCRIPT = fileURLToPath(new URL('../../fakes/coding-agent.mjs', import.meta.url));

const commandsIn = (
  cwd: string,
  env: Record<string, string>,
): Pick<CodingPlace, 'command' | 'endCommand'> => ({
  command: (line, mark) => ({
    file: '/bin/sh',
    args: ['-lc', line],
    cwd,
    env: { ...env, [COMMAND_MARK]: mark },
  }),
  endCommand: async (mark) => void (await endPrograms([await traceMarked(`${COMMAND_MARK}=${mark}`)])),
});

/** `start`: how it starts from now on; `none`: there is none. */
const kindsIn = (folder: string, start: () => string): NonNullable<TasksOptions['kinds']> => ({
  claude: {
    find() {
      const args = [SCRIPT, join(folder, 'conversations'), start()];
      return Promise.resolve(start() === 'none' ? undefined : { file: process.execPath, args, env: {} });
    },
    why: (programs) => programs.why(),
    mode: 'default',
    author: 'Claude <noreply@anthropic.com>',
  },
});

/** `start`: how the coding agent starts. */
export function createTester({ start = '' }: { start?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-tasks-'));
  const workspace = newWorkspaceId();
  const repository = makeRepository(join(folder, 'api.git'));
  const checkout = join(folder, 'workspace', 'api');
  mkdirSync(join(folder, 'workspace'));
  git(folder, 'clone', '-q', repository.url, checkout);
  const watch = createWatch();
  const state = {
    events: [] as TaskEvent[],
    /** What came of pushes, as often as it was said. */
    pushed: [] as { id: string; result: PushResult }[],
    standing: undefined as Standing | undefined,
    activity: [] as number[],
    /** How it starts from now on; `none`: there is none. */
    start,
    /** Stores what it hears, as the bot does. */
    acknowledges: true,
    open: [] as Tasks[],
  };
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
  const place: CodingPlace = {
    dir: checkout,
    folder: checkout,
    program: ({ file, args, env: added }) => ({ file, args, cwd: checkout, env: { ...env, ...added } }),
    ...commandsIn(checkout, env),
    git: { repository: repository.url, mark: {} },
  };
  onTestFinished(async () => {
    for (const one of state.open) await one.end();
    await endCoding(workspace);
    rmSync(folder, { recursive: true, force: true });
  });
  const options: TasksOptions = {
    dir: folder,
    find: () => state.standing ?? place,
    programs: { why: () => Promise.resolve('it is nowhere') } as CodingPrograms,
    onActivity: (_id, at) => void state.activity.push(at),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    kinds: kindsIn(folder, () => state.start),
    times: { joinMs: 20, graceMs: 1_000 },
  };
  /** Everything of a task that was said once, however often it was said. */
  const said = (task: string) => {
    const seen = new Map(
      state.events.filter((one) => one.task === task).map((one) => [one.seq, one] as const),
    );
    return [...seen.values()].toSorted((a, b) => a.seq - b.seq);
  };
  return {
    state,
    folder,
    place,
    git: place.git,
    /** The coding agent knows no conversation any more. */
    forget: () => rmSync(join(folder, 'conversations'), { recursive: true }),
    workspace,
    checkout,
    repository,
    said,
    /** A copy of what is on the disk, as a kill would leave it at this moment. */
    killed() {
      const dir = join(folder, 'killed');
      cpSync(join(folder, 'tasks'), join(dir, 'tasks'), { recursive: true });
      return dir;
    },
    /** Begins a life of the program; what another one knew is on the disk. */
    async open(times: Partial<TasksOptions['times']> = {}, dir = folder) {
      const tasks = await openTasks({ ...options, dir, times: { ...options.times, ...times } });
      state.open.push(tasks);
      const connect = () =>
        tasks.open((message) => {
          if (message.type === 'pushed') state.pushed.push(message);
          watch.changed();
          if (message.type !== 'task-events') return;
          state.events.push(...message.events);
          for (const { task, seq } of message.events) if (state.acknowledges) tasks.stored(task, seq);
          watch.changed();
        });
      connect();
      return { ...tasks, connect };
    },
    turn(change: Partial<DesiredTurn> = {}): DesiredTurn {
      return {
        workspace,
        task: `ta-${randomBase32(12)}`,
        turn: 1,
        agent: 'claude',
        prompt: 'say hello',
        policy: { allow: [], deny: [] },
        minutes: 30,
        desired: 'done',
        decisions: [],
        ...change,
      };
    },
    push: (change: Partial<DesiredPush> = {}): DesiredPush => ({
      workspace,
      id: `pr-${randomBase32(12)}`,
      branch: 'sam/api-1',
      subject: 'the work',
      ...change,
    }),
    /** Waits for so many words of pushes. */
    pushed: (count: number) =>
      watch.until(
        () => state.pushed.length >= count && state.pushed,
        () => `${count} pushes; there was ${JSON.stringify(state.pushed)}`,
      ),
    /** Waits for a happening of this turn that fits. */
    happening<Kind extends TurnHappening['kind']>(
      { task, turn }: DesiredTurn,
      kind: Kind,
      fits: (one: Extract<TurnHappening, { kind: Kind }>) => boolean = () => true,
    ) {
      return watch.until(
        () =>
          said(task)
            .filter((one) => one.turn === turn)
            .map(({ event }) => event)
            .find(
              (one): one is Extract<TurnHappening, { kind: Kind }> => one.kind === kind && fits(one as never),
            ),
        () => `${kind}; there was ${JSON.stringify(said(task)).slice(0, 4_000)}`,
      );
    },
  };
}
