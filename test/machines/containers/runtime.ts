// The runtime of containers on an engine of the test's own, and checkouts for it. Nothing of it is left.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import type { CodingPrograms } from '../../../agent/coding/programs.ts';
import { createLog } from '../../../agent/log.ts';
import type { EnvironmentSettings } from '../../../agent/protocol.ts';
import { createDevcontainerRuntime } from '../../../agent/runtimes/devcontainer/devcontainer.ts';
import type { Prepared, Preparing, Runtime, WorkspaceSpec } from '../../../agent/runtimes/runtime.ts';
import { ownUser } from '../../../agent/system/users.ts';
import { newWorkspaceId, randomBase32 } from '../../../bot/ids.ts';
import { BUSYBOX, type TestEngine } from '../engine.ts';

interface RuntimeOptions {
  env?: Record<string, string>;
  settings?: EnvironmentSettings;
  deadlineMs?: number;
  graceMs?: number;
  node?: string;
  programs?: CodingPrograms;
  muslPrograms?: CodingPrograms;
}

export function createTestRuntime(engine: TestEngine, options: RuntimeOptions = {}) {
  const { env = {}, node = `nd-${randomBase32(12)}`, ...more } = options;
  const { settings = { runtime: 'auto', defaultImage: BUSYBOX } } = options;
  const dir = mkdtempSync(join(tmpdir(), 'sam-runtime-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const runtime = createDevcontainerRuntime({
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      SAM_BOOTSTRAP_TOKEN: 'keep-me-secret',
      ...engine.env,
      ...env,
    },
    users: ownUser,
    node,
    dir,
    log: createLog(() => {}),
    retryMs: 10,
    ...more,
    settings: () => settings,
  });
  return { runtime, node, dir };
}

/** A checkout with these files; the workspace's containers go with the test. */
export function makeWorkspace(runtime: Runtime, files: Record<string, string>) {
  const dir = join(mkdtempSync(join(tmpdir(), 'sam-checkout-')), 'api');
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  write('README.md', 'hello\n');
  for (const [path, text] of Object.entries(files)) write(path, text);
  const spec: WorkspaceSpec = { id: newWorkspaceId(), name: 'api-1', dir, env: {} };
  onTestFinished(async () => {
    await runtime.remove(spec);
    rmSync(dirname(dir), { recursive: true, force: true });
  });
  const seen = { log: [] as string[], steps: [] as string[] };
  let before: Prepared | undefined;
  return {
    spec,
    write,
    seen,
    /** As the steps of a workspace do it: what came of it is given to the next time. */
    prepare: async (
      change: Partial<WorkspaceSpec> = {},
      more: Partial<Preparing> = {},
    ): Promise<Prepared> => {
      before = await runtime.prepare(
        { ...spec, ...change },
        {
          signal: new AbortController().signal,
          log: (line) => void seen.log.push(line),
          enter: (step, attempt) =>
            void seen.steps.push(attempt ? `${step} ${attempt.number}/${attempt.of}` : step),
          before,
          mayRebuild: false,
          ...more,
        },
      );
      return before;
    },
    /** Runs a line in a session, without a terminal. */
    run: (line: string): string => {
      const { file, args, env, cwd } = withoutTerminal(runtime.session(spec, undefined));
      return execFileSync(file, args, { env, cwd, input: `${line}\n`, encoding: 'utf8' }).trim();
    },
  };
}

/** Its shell does not greet, nor prompt. */
export const withoutTerminal = <Spec extends { args: string[] }>(spec: Spec): Spec => ({
  ...spec,
  args: spec.args.filter((one) => one !== '--tty').map((one) => one.replace('exec "$0" -i', 'exec "$0"')),
});
