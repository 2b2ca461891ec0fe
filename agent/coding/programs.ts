// Coding agents as the node has them: Claude Code and the adapter that lets it be talked to, each brought once, from the registry of
// npm; Codex beside them. Knows no workspace.
import { existsSync } from 'node:fs';
import { mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Log } from '../log.ts';
import { createCodexPrograms, type CodexPrograms } from './codex.ts';
import { createBundle, removeOthers, type Package } from './packages.ts';

const VERSION = '2.1.332';
const PACKAGE = 'claude-code';

/** What the registry says of the packages of that version, each one program. */
const INTEGRITY: Record<string, string> = {
  'linux-x64': 'f4JWhzwYutJIHScC7/dYOPX6s28tt7ZADhsOi8zwOHq5fFPEuUeChh2NMfinSg0GrUckYxaeebC4h0DqiKzLcw==',
  'linux-arm64': 'BlHNEtK38KBPWU31F4lUSS9sHclCyfWbThT1CErvxxH8+XcljYLZlQwdyXBkTD62rw1TgfE1u1a+quMWS0NSJg==',
  'linux-x64-musl':
    'QoQzwipnqRAdBKDAJNJ2Qvl37G6x8nCugfOQa+nuMcGIRgGEOLeWoq3pTLMQRScL37estAQBGH9ygR3WFVbIfw==',
  'linux-arm64-musl':
    'jdjkkJLfAQ9M1HbT05tZHQpGNZUEPUebYwW/xpiMypZddB0lNlHlB9mXfOVV/UUPO0JCghj1NSQjxhhJc4L4CA==',
};

const ADAPTER = 'claude-agent-acp';
const ADAPTER_VERSION = '0.101.0';

/** The adapter and all that it needs: it has no Claude Code of its own. */
const ADAPTER_PACKAGES: Package[] = [
  [
    `@agentclientprotocol/${ADAPTER}`,
    ADAPTER_VERSION,
    'c9YGBfdJrLcKiinRpXuDuibC+CRGqQpe9+ey/+TuuZ7ejHlVyEELbbvRkxHZN+Hf5XGecJD5i0kvP2opCseATA==',
  ],
  [
    '@agentclientprotocol/sdk',
    '2.4.0',
    '7qJ8nnyj7WesC5ve185ioTpB2/svQoeGV4HA4nLEhgDUrcmBe54/08VcXc/oL4p14tDbxxECZzdYmUYQ+4l+Wg==',
  ],
  [
    '@anthropic-ai/claude-agent-sdk',
    '0.3.318',
    'z5WHCUeW52SKQ3rnvI3zt8X5h2QQ5o3Cgg5xarO5Rimfe67f3pOJt2aOh00S8t/nRzqfs+8nCb9o1EoXe+yccA==',
  ],
  [
    'diff',
    '9.0.0',
    'svtcdpS8CgJyqAjEQIXdb3OjhFVVYjzGAPO8WGCmRbrml64SPw/jJD4GoE98aR7r25A0XcgrK3F02yw9R/vhQw==',
  ],
  [
    'zod',
    '4.6.7',
    'g8W2D2kU6a8untc053fX1uVBKzM7yqAxW/3zwk83+6RyF2+SKOuV+c0wBDhUwzV1PaGapmZH+rmcUzPf+3CGwg==',
  ],
].map(([name = '', version = '', integrity = '']) => ({
  name,
  version,
  integrity,
  into: `node_modules/${name}`,
}));

export interface CodingPrograms {
  /** A folder for the end of a PATH. */
  bin: string;
  /** Where it is, or will be; undefined: there is none for this system, or nobody has said yet where it comes from. */
  claude: () => { file: string; failure: string; isThere: boolean } | undefined;
  /** Goes and gets it, unless it is there or on its way. `failure` holds why not. Never rejects. */
  bring: () => Promise<void>;
  /** The same, unless the machine has one of its own. */
  bringIfMissing: () => Promise<void>;
  /** The node's, fetched if need be. Undefined: it cannot be had. Never rejects. */
  findClaude: () => Promise<string | undefined>;
  /** The same of the program that speaks for it. */
  findAdapter: () => Promise<string | undefined>;
  /** Why one of them is not here, as far as somebody knows. */
  why: () => Promise<string>;
  codex: CodexPrograms;
  /** The bot said where packages are. */
  serve: (registry: string) => void;
}

export interface CodingOptions {
  /** Others than the agent's user may go through it. */
  dir: string;
  log: Log;
  /** The agent's own. */
  env: NodeJS.ProcessEnv;
  /** As `findTarget` has it. */
  target?: string;
}

const MUSL = '-musl';

/** For containers whose C library is musl, on a node where it is glibc. */
export const MUSL_TARGET = `linux-${process.arch}${MUSL}`;

/** `linux-x64` and the like; of a system whose C library is not glibc with `-musl`. */
function findTarget(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  return `${process.platform}-${process.arch}${isMusl ? MUSL : ''}`;
}

export function createCodingPrograms({
  dir,
  log,
  env,
  target = findTarget(),
}: CodingOptions): CodingPrograms {
  const root = join(dir, 'programs');
  const kind = target.endsWith(MUSL) ? MUSL : '';
  const bin = join(root, `bin${kind}`);
  const integrity = INTEGRITY[target];
  let from: string | undefined;
  const registry = () => from;
  const claude = createBundle({
    folder: join(root, `${PACKAGE}-${VERSION}${kind}`),
    name: 'Claude Code',
    packages: claudeOf(target),
    file: 'claude',
    registry: () => (integrity === undefined ? undefined : from),
    async onThere() {
      await link(bin, claude.file);
      await removeOthers(root, PACKAGE, VERSION);
    },
    log,
  });
  const adapter = createBundle({
    folder: join(root, `${ADAPTER}-${ADAPTER_VERSION}`),
    name: 'the adapter of Claude Code',
    packages: ADAPTER_PACKAGES,
    file: `node_modules/@agentclientprotocol/${ADAPTER}/dist/index.js`,
    registry,
    onThere: () => removeOthers(root, ADAPTER, ADAPTER_VERSION),
    log,
  });
  const find = async (one: typeof claude) => {
    await one.bring();
    return one.isThere() ? one.file : undefined;
  };
  return {
    bin,
    claude() {
      const { file, failure } = claude;
      const isThere = claude.isThere();
      const canCome = integrity !== undefined && from !== undefined;
      return isThere || canCome ? { file, failure, isThere } : undefined;
    },
    bring: claude.bring,
    bringIfMissing: async () => {
      const isThere = (env['PATH'] ?? '').split(delimiter).some((one) => existsSync(join(one, 'claude')));
      if (!isThere) await claude.bring();
    },
    findClaude: () => find(claude),
    findAdapter: () => find(adapter),
    why: async () => (await claude.why()) || (await adapter.why()),
    codex: createCodexPrograms({ root, registry, log }),
    serve: (moved) => void (from = moved),
  };
}

function claudeOf(target: string): Package[] {
  const name = `@anthropic-ai/${PACKAGE}-${target}`;
  return [{ name, version: VERSION, integrity: INTEGRITY[target] ?? '', into: '', only: ['claude'] }];
}

/** In one step: at every moment the name leads to a whole program, of this version or the one before. */
async function link(bin: string, file: string): Promise<void> {
  const linked = await readlink(join(bin, 'claude')).catch(() => undefined);
  if (linked === file) return;
  await mkdir(bin, { recursive: true, mode: 0o755 });
  const made = join(bin, '.claude');
  await rm(made, { force: true });
  await symlink(file, made);
  await rename(made, join(bin, 'claude'));
}
