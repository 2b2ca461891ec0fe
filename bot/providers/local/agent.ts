// The agent of a local server as a process: how it is started, known again, and ended. Knows no calls of a provider.
import { delimiter, dirname } from 'node:path';
import { PASSED } from '../../../agent/protocol.ts';
import { fault } from './calls.ts';
import { dataOf, logOf, readProcess, writeProcess, type ServerRecord } from './folders.ts';
import {
  endFamily,
  hasVariable,
  isAlive,
  launch,
  listProcesses,
  type Identity,
  type Process,
} from './processes.ts';
import type { Server } from '../provider.ts';

export interface LocalAgent {
  installation: string;
  /** Absolute, with its arguments. */
  agent: { command: string[] };
  /** The bot's own environment, of which the agent gets a few. */
  env: NodeJS.ProcessEnv;
}

/** The process first and its pid after: if we end in between, `statusOf` knows it by its environment. */
export async function startAgent(
  local: LocalAgent,
  folder: string,
  record: ServerRecord,
  bootstrapToken?: string,
): Promise<void> {
  const env = environmentFor(local, folder, record, bootstrapToken);
  const agent = await launch({ command: local.agent.command, env, cwd: folder, log: logOf(folder) });
  try {
    await writeProcess(folder, agent);
  } catch (error) {
    await endFamily((one) => isSame(one, agent), { graceMs: 0, killMs: 1_000 });
    throw error;
  }
}

function environmentFor(
  { agent, env, installation }: LocalAgent,
  folder: string,
  { name, boot }: ServerRecord,
  bootstrapToken?: string,
): Record<string, string> {
  // All that it, and so the people who use its terminals, may know of the bot's environment.
  const passed = Object.entries(env).filter(
    ([name, value]) => value !== undefined && (PASSED.test(name) || name === 'TERM'),
  );
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    PATH: pathWith(dirname(agent.command[0] ?? ''), env['PATH']),
    SAM_URL: boot.url,
    SAM_NODE: boot.node,
    SAM_SERVER: name,
    SAM_INSTALLATION: installation,
    SAM_DIR: dataOf(folder),
    ...(bootstrapToken !== undefined && { SAM_BOOTSTRAP_TOKEN: bootstrapToken }),
  };
}

/**
 * What npm puts in front for its scripts is Sam's own and no business of the people in a terminal. The Node that the
 * agent runs on comes last: it helps where there is none and hides nobody's own.
 */
function pathWith(folder: string, path = ''): string {
  const isOfNpm = (entry: string): boolean => /[\\/](node_modules[\\/]\.bin|node-gyp-bin)$/.test(entry);
  const folders = path.split(delimiter).filter((entry) => entry !== '' && !isOfNpm(entry));
  return [...folders.filter((entry) => entry !== folder), folder].join(delimiter);
}

/** `undefined`: the bot that was making it ended before an agent was started, so that there is no server. */
export async function statusOf(
  local: LocalAgent,
  folder: string,
  record: ServerRecord,
): Promise<Exclude<Server['status'], 'removing'> | undefined> {
  const recorded = await readProcess(folder);
  if (recorded && (await isAlive(recorded))) return 'running';
  const unrecorded = await findAgent(local, record.name);
  if (unrecorded) {
    // Should that fail, the next look finds it the same way.
    await writeProcess(folder, unrecorded).catch(() => undefined);
    return 'running';
  }
  if (recorded) return 'off';
  return (await isAlive(record.creator)) ? 'starting' : undefined;
}

/** One whose pid nobody came to write down. It is older than all that it started and that shares its marks. */
async function findAgent({ agent, installation }: LocalAgent, name: string): Promise<Identity | undefined> {
  const isAgent = (one: Process) =>
    one.session === one.pid &&
    hasVariable(one, 'SAM_SERVER', name) &&
    hasVariable(one, 'SAM_INSTALLATION', installation) &&
    one.command.join('\0') === agent.command.join('\0');
  const [oldest] = (await listProcesses())
    .filter(isAgent)
    .sort((one, other) => one.bornTicks - other.bornTicks);
  return oldest;
}

/** All that is the server's. Throws while any of it is left. */
export async function endProcesses(
  local: LocalAgent & { timeoutMs: number },
  folder: string,
  server: Pick<ServerRecord, 'name' | 'labels'>,
): Promise<void> {
  const ours = isProcessOf(local, server, await readProcess(folder));
  const graceMs = Math.min(5_000, local.timeoutMs / 8);
  const left = await endFamily(ours, { graceMs, killMs: local.timeoutMs / 4 });
  if (left.length === 0) return;
  throw fault('remove', true, `these processes do not end, even when killed: ${left.join(', ')}.`);
}

/** Whether a process is the server's: the recorded agent, or one that has the server's name or node as a mark. */
function isProcessOf(
  { installation }: LocalAgent,
  { name, labels }: Pick<ServerRecord, 'name' | 'labels'>,
  recorded: Identity | undefined,
): (process: Process) => boolean {
  return (one) => {
    if (recorded && isSame(one, recorded)) return true;
    const isMarked =
      hasVariable(one, 'SAM_SERVER', name) || hasVariable(one, 'SAM_NODE', labels['sam-node'] ?? '');
    const isNamed = one.environment.includes('\0SAM_INSTALLATION=');
    return isMarked && (!isNamed || hasVariable(one, 'SAM_INSTALLATION', installation));
  };
}

const isSame = (one: Identity, other: Identity): boolean =>
  one.pid === other.pid && one.birth === other.birth;
