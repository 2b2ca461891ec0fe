// The coding agent of one workspace: started at the first turn, kept while turns come, gone when none comes for a while. Knows no
// task.
import type { CodingAgent, TurnFailure, TurnWorker } from '../protocol.ts';
import type { Git } from '../git/git.ts';
import { ProfileError, type NodeCommand } from '../runtimes/runtime.ts';
import type { SpawnSpec } from '../sessions/pty.ts';
import type { AcpOptions } from './acp.ts';
import type { CodingAgentKind } from './agents.ts';
import type { CodingModels } from './codex.ts';
import { endCoding, markOf, startProcess, type CodingProcess } from './process.ts';
import type { CodingPrograms } from './programs.ts';

/** Where a coding agent works. */
export interface CodingPlace {
  /** The checkout on the node, absolute. */
  dir: string;
  /** The same as its programs see it. */
  folder: string;
  /** What starts a program of the node there, as `Runtime` has it. */
  program: (command: NodeCommand) => SpawnSpec | undefined;
  /** What there is for it; absent: what the node has for itself. Undefined: nothing that would run there. */
  programs?: (() => Promise<CodingPrograms | undefined>) | undefined;
  /** Ends what has this `NAME=value` in its environment, and all that it started; absent: it can be seen from here. */
  endMarked?: ((mark: string) => Promise<void>) | undefined;
  /** What runs a command line there, and what ends that, as `Runtime` has it. */
  command: (line: string, mark: string) => SpawnSpec;
  endCommand: (mark: string) => Promise<void>;
  git: Git;
  models?: CodingModels | undefined;
  /** Whose processes they are; absent: the agent's own. */
  uid?: number | undefined;
}

/** There is no answer, and this is why. */
export class TurnError extends Error {
  override readonly name = 'TurnError';
  readonly code: TurnFailure;
  constructor(code: TurnFailure, message: string = code, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type Hearing = Pick<AcpOptions, 'onUpdate' | 'onPermission'>;

export interface Coder {
  /** The one that runs, or a new one; `hearing` is who listens from now on. Throws `TurnError`, or what the signal says. */
  take: (
    place: CodingPlace,
    agent: TurnWorker,
    hearing: Hearing,
    signal: AbortSignal,
  ) => Promise<CodingProcess>;
  /** Nobody listens any more. */
  release: () => void;
  /** What the last one that was started said last, where it was not meant for us. */
  said: () => Promise<string>;
  /** Ends it, and everything that it started. Repeatable. */
  end: () => Promise<void>;
}

export interface CoderOptions {
  workspace: string;
  kinds: Partial<Record<CodingAgent, CodingAgentKind>>;
  programs: CodingPrograms;
  initializeMs: number;
  idleMs: number;
}

interface Running {
  process: CodingProcess;
  /** What it was started with: with anything else it is started anew. */
  spec: string;
}

const NOBODY: Hearing = { onUpdate: () => {}, onPermission: () => Promise.resolve('cancelled') };

export function createCoder(options: CoderOptions): Coder {
  const { workspace, idleMs } = options;
  let hearing = NOBODY;
  let running: Running | undefined;
  let latest: CodingProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = async () => {
    const { process } = running ?? {};
    running = undefined;
    await process?.close();
  };
  const start = async (spec: SpawnSpec, place: CodingPlace, signal: AbortSignal) => {
    const endAll = () => endCoding(workspace, place);
    // Of an earlier life of this program.
    await endAll();
    signal.throwIfAborted();
    const process = startProcess({
      endAll,
      isElsewhere: place.endMarked !== undefined,
      spec,
      onUpdate: (session, update) => hearing.onUpdate(session, update),
      onPermission: (permission) => hearing.onPermission(permission),
    });
    running = { process, spec: JSON.stringify(spec) };
    latest = process;
    await initialize(process, options.initializeMs, signal);
  };
  return {
    async take(place, agent, heard, signal) {
      clearTimeout(timer);
      const spec = await findSpec(options, place, agent, signal);
      if (running && (running.process.signal.aborted || running.spec !== JSON.stringify(spec))) await close();
      hearing = heard;
      if (!running) await start(spec, place, signal);
      if (!running) throw new TurnError('coding-agent-broken');
      running.process.begin();
      return running.process;
    },
    release() {
      hearing = NOBODY;
      clearTimeout(timer);
      timer = setTimeout(() => void close(), idleMs).unref();
    },
    said: async () => (await latest?.said()) ?? '',
    async end() {
      const { process } = running ?? {};
      running = undefined;
      clearTimeout(timer);
      await process?.end();
    },
  };
}

async function findSpec(
  { kinds, programs, workspace }: CoderOptions,
  place: CodingPlace,
  agent: TurnWorker,
  signal: AbortSignal,
): Promise<SpawnSpec> {
  const kind: CodingAgentKind | undefined = kinds[agent as CodingAgent];
  if (!kind) throw new TurnError('no-coding-agent', `this node knows no coding agent called ${agent}`);
  // Asked before anything is fetched.
  specIn(place, { file: '/bin/true', args: [], env: {} });
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  const finding = findCommand(kind, place.programs ?? (() => Promise.resolve(programs)));
  const command = await Promise.race([finding, aborted.promise]).finally(() =>
    signal.removeEventListener('abort', abort),
  );
  const models = place.models && kind.environment?.(place.models);
  return specIn(place, { ...command, env: { ...command.env, ...models, ...markOf(workspace) } });
}

function specIn(place: CodingPlace, command: NodeCommand): SpawnSpec {
  try {
    const spec = place.program(command);
    if (spec) return spec;
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    throw new TurnError('no-coding-agent', error.message, { cause: error });
  }
  throw new TurnError('container-outdated', '');
}

async function findCommand(
  kind: CodingAgentKind,
  find: () => Promise<CodingPrograms | undefined>,
): Promise<NodeCommand> {
  const programs = await find();
  if (!programs) throw new TurnError('container-unfit', '');
  const command = await kind.find(programs);
  if (!command) throw new TurnError('no-coding-agent', await kind.why(programs));
  return command;
}

async function initialize(process: CodingProcess, withinMs: number, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(withinMs);
  try {
    await process.acp.initialize(AbortSignal.any([signal, late]));
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error;
    throw new TurnError('coding-agent-broken', 'it does not answer', { cause: error });
  }
}
