// The image of repositories that describe none: the one that whoever runs Sam names, else one that is made on the node from
// ../default/Dockerfile. Knows no workspace.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WorkspaceError } from '../../failure.ts';
import type { Preparing, RuntimeOptions } from '../runtime.ts';
import { engineUnavailable, type Engine } from './engine.ts';
import { explainFailure } from './failures.ts';

const DOCKERFILE = fileURLToPath(new URL('../default/Dockerfile', import.meta.url));
/** For a machine that reaches no registry, and for tests: what it is made from instead. */
const BASE = 'SAM_DEFAULT_BASE';
const MAX_CLUES = 200;

export interface DefaultImage {
  /** What it is called now. */
  name: () => string;
  /** Whether the node has it now. */
  isThere: () => Promise<boolean>;
  /**
   * Makes or fetches it where it is not there; its name. Calls at the same time share one making, which goes on when one of them is
   * aborted. Throws `WorkspaceError`.
   */
  prepare: (preparing: Pick<Preparing, 'enter' | 'log' | 'signal'>, timeoutMs: number) => Promise<string>;
}

export function findDefaultImage(
  options: Pick<RuntimeOptions, 'env' | 'settings'> & { engine: Engine },
): DefaultImage {
  const { engine, settings, env } = options;
  const base = env[BASE];
  const own = nameOf(base);
  const name = () => settings().defaultImage ?? own;
  const isThere = async (image: string) => (await engine.run(['image', 'inspect', image])).code === 0;
  const makings = new Map<string, Promise<void>>();
  const makeOnce = (image: string, more: Pick<Making, 'timeoutMs' | 'log'>) => {
    const making =
      makings.get(image) ??
      make(engine, { image, isOwn: image === own, base, ...more }).finally(() => makings.delete(image));
    makings.set(image, making);
    return making;
  };
  return {
    name,
    isThere: () => isThere(name()),
    async prepare({ enter, signal, log }, timeoutMs) {
      const image = name();
      if (await isThere(image)) return image;
      signal.throwIfAborted();
      enter(image === own ? 'build' : 'pull');
      const tell = (line: string) => void (signal.aborted || log(line));
      await beforeAbort(makeOnce(image, { timeoutMs, log: tell }), signal);
      return image;
    },
  };
}

/** What `work` comes to, unless nobody waits for it any more. */
async function beforeAbort(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

interface Making {
  image: string;
  isOwn: boolean;
  base: string | undefined;
  timeoutMs: number;
  log: (line: string) => void;
}

async function make(engine: Engine, { image, isOwn, base, timeoutMs, log }: Making): Promise<void> {
  const clues: string[] = [];
  const onLine = (line: string) => {
    log(line);
    clues.push(line);
    if (clues.length > MAX_CLUES) clues.shift();
  };
  const from = base === undefined ? [] : ['--build-arg', `BASE=${base}`];
  const args = isOwn ? ['build', '--tag', image, ...from, '-'] : ['pull', image];
  const input = isOwn ? readFileSync(DOCKERFILE, 'utf8') : undefined;
  const { code, isTimeout } = await engine.run(args, { timeoutMs, onLine, input });
  if (code === 0) return;
  if (!(await engine.isThere())) throw engineUnavailable();
  throw new WorkspaceError(
    explainFailure({
      result: undefined,
      clues,
      step: isOwn ? 'build' : 'pull',
      isTimeout,
      minutes: Math.round(timeoutMs / 60_000),
      image,
    }),
  );
}

/** The same text on the same base is the same image; a newer Sam makes a new one. */
function nameOf(base: string | undefined): string {
  const text = `${readFileSync(DOCKERFILE, 'utf8')}\0${base ?? ''}`;
  return `sam-default:${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}
