// What every runtime keeps to, so that the steps of a workspace need not know which one it is. Real programs throughout.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  ProfileError,
  type Preparing,
  type Runtime,
  type WorkspaceSpec,
} from '../../agent/runtimes/runtime.ts';
import type { SpawnSpec } from '../../agent/sessions/pty.ts';
import { newWorkspaceId } from '../../bot/ids.ts';
import { eventually } from '../testers/watch.ts';

const exec = promisify(execFile);

export interface RuntimeFixture {
  create: () => Runtime;
  /** In the checkout, by path. */
  files?: Record<string, string>;
  isTrusted?: boolean;
  /** Where the checkout is for its programs. */
  where?: (dir: string) => string;
  /** What a session without a terminal is started by. */
  headless?: (spec: SpawnSpec) => SpawnSpec;
  /** The lines of `ps` that hold `text`, wherever the runtime's programs run; for tests of what lives on. */
  find?: (text: string) => Promise<string[]>;
}

const findOnNode = async (wanted: string): Promise<string[]> => {
  const { stdout } = await exec('ps', ['-axww', '-o', 'pid=,stat=,args=']);
  return stdout.split('\n').filter((line) => line.includes(wanted) && !/^\s*\d+\s+Z/.test(line));
};

const same = <Value>(value: Value): Value => value;

export function describeRuntime(
  name: string,
  { create, files = {}, isTrusted = false, find = findOnNode, where = same, headless = same }: RuntimeFixture,
): void {
  describe(`the runtime ${name}`, () => {
    let runtime: Runtime;
    let workspace: WorkspaceSpec;
    const noSessions = () => Promise.resolve();
    const log: string[] = [];
    const preparing: Preparing = {
      signal: new AbortController().signal,
      log: (line) => void log.push(line),
      enter: () => {},
      mayRebuild: false,
    };
    const begin = async () => {
      await runtime.prepare(workspace, preparing);
      await runtime.start(workspace);
    };
    /** A session without a terminal, that runs `script`. */
    const open = (script: string) => {
      const { file, args, env, cwd } = headless(runtime.session(workspace, undefined));
      const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
      child.stdin.end(script);
      return { child, output: text(child.stdout) };
    };

    beforeEach(() => {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sam-runtime-')));
      const dir = join(folder, 'api');
      mkdirSync(dir);
      for (const [path, words] of Object.entries(files)) writeFileSync(join(dir, path), words);
      const made = create();
      const spec = { id: newWorkspaceId(), name: 'api-1', dir, env: { PROJECT: 'blue' }, isTrusted };
      runtime = made;
      workspace = spec;
      onTestFinished(async () => {
        await made.stop(spec, noSessions);
        await made.remove(spec);
        rmSync(folder, { recursive: true, force: true });
      });
    });

    test('a session runs in the checkout, with what the workspace needs and its name', async () => {
      await begin();
      const { output } = open('echo "$PWD $PROJECT $SAM_WORKSPACE_NAME $TERM"\n');
      expect((await output).trim()).toBe(`${where(workspace.dir)} blue api-1 xterm-256color`);
    });

    test('a session sees nothing of the agent that is secret', async () => {
      await begin();
      expect(await open('env\n').output).not.toContain('keep-me-secret');
    });

    test('a profile that is not there is refused by its code', async () => {
      await begin();
      const refused = () => runtime.session(workspace, 'no-such-profile');
      expect(refused).toThrow(ProfileError);
      expect(refused).toThrow(expect.objectContaining({ code: 'unknown-profile' }));
    });

    test('preparing and starting again leaves alone what runs', async () => {
      await begin();
      const { child } = open('exec sleep 9871\n');
      await eventually(async () => (await find('sleep 9871')).length === 1, 'the program');
      await begin();
      expect(await find('sleep 9871')).toHaveLength(1);
      expect(child.exitCode).toBeNull();
    });

    testCommands({ place: () => ({ runtime, workspace }), begin, find, where });

    test('a stop ends everything, daemons that cleaned their environment among them, and can be told again', async () => {
      await begin();
      open(
        'setsid sleep 9872 & env -i setsid sleep 9872 & (trap "" HUP; exec sleep 9872) & exec sleep 9872\n',
      );
      await eventually(async () => (await find('sleep 9872')).length === 4, 'four programs');
      await runtime.stop(workspace, noSessions);
      expect(await find('sleep 9872')).toEqual([]);
      await runtime.stop(workspace, noSessions);
    });

    test('a stop has the sessions closed, and ends what they started on their way out', async () => {
      await begin();
      let last: ChildProcess | undefined;
      await runtime.stop(workspace, async () => {
        // Later than a first look would find it.
        await delay(300);
        last = open('exec sleep 9873\n').child;
        await once(last, 'spawn');
      });
      expect(last).toBeDefined();
      await eventually(
        () => last?.exitCode !== null || last.signalCode !== null,
        'the end of the last program',
        3_000,
      );
    });

    test('a stop leaves other workspaces alone', async () => {
      await begin();
      const other = { ...workspace, id: newWorkspaceId() };
      onTestFinished(async () => void (await runtime.stop(other, noSessions)));
      await runtime.prepare(other, preparing);
      await runtime.start(other);
      open('exec sleep 9874\n');
      await eventually(async () => (await find('sleep 9874')).length === 1, 'the program');
      await runtime.stop(other, noSessions);
      expect(await find('sleep 9874')).toHaveLength(1);
    });

    test('what was removed can be removed again, and begins anew', async () => {
      await begin();
      await runtime.stop(workspace, noSessions);
      await runtime.remove(workspace);
      await runtime.remove(workspace);
      await begin();
      expect((await open('echo again\n').output).trim()).toBe('again');
    });
  });
}

interface Commands extends Required<Pick<RuntimeFixture, 'find' | 'where'>> {
  place: () => { runtime: Runtime; workspace: WorkspaceSpec };
  begin: () => Promise<void>;
}

/** Command lines, as tasks have them run. */
function testCommands({ place, begin, find, where }: Commands): void {
  const run = (line: string, mark: string) => {
    const { runtime, workspace } = place();
    const { file, args, env, cwd } = runtime.command(workspace, line, mark);
    const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    child.stdin.end();
    return { child, output: text(child.stdout), ended: once(child, 'exit') };
  };

  test('a command line runs in the checkout, in what the workspace needs, and ends with its own code', async () => {
    await begin();
    const line = `echo "$PWD $PROJECT 'quoted' $TERM"; case $- in *i*) echo interactive;; esac; exit 7`;
    const { output, ended } = run(line, 'tk-a/1');
    expect((await output).trim()).toBe(`${where(place().workspace.dir)} blue 'quoted' dumb`);
    expect((await ended)[0]).toBe(7);
    const { runtime, workspace } = place();
    expect(runtime.folder(workspace)).toBe(where(workspace.dir));
  });

  test('the end of a command line is that of all it started, whatever resists, and of no other', async () => {
    await begin();
    const resist = `trap '' TERM HUP; (exec setsid sleep 9875) & env -i sleep 9875 & sh -c "trap '' TERM; sleep 9875" & wait; wait`;
    const { ended } = run(resist, 'tk-a/2');
    const other = run('exec sleep 9876', 'tk-a/3');
    await eventually(async () => (await find('sleep 9875')).length >= 3, 'its programs');
    await eventually(async () => (await find('sleep 9876')).length >= 1, 'the other program');
    const { runtime, workspace } = place();
    await runtime.endCommand(workspace, 'tk-a/2');
    await ended;
    expect(await find('sleep 9875')).toEqual([]);
    expect(await find('sleep 9876')).not.toEqual([]);
    expect(other.child.exitCode).toBeNull();
    await runtime.endCommand(workspace, 'tk-a/2');
  });
}
