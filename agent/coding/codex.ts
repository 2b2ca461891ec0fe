// Codex as the node has it, the adapter that lets it be talked to, and what it is told of the workspace: which model, what it may do
// unasked. Keeps no key.
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { Gate } from '../models/models.ts';
import { createBundle, removeOthers, type Mend, type Package } from './packages.ts';
import { commandOf, cwdOf, type Wished } from './policy.ts';
import { isWithin, readingOf } from './reading.ts';

/** In the folder of Claude Code, which every container has: conversations live as long as the workspace. */
export const CODEX_FOLDER = 'codex';

const VERSION = '0.166.0';
const ADAPTER = 'codex-acp';
const ADAPTER_VERSION = '2.6.0';
/** Of what is otherwise in the adapter here: with another number it is brought anew. */
const MENDED = 1;

interface Build {
  triple: string;
  integrity: string;
}

/** What the registry says of the packages of that version. They are linked with no C library. */
const BUILDS: Record<string, Build> = {
  x64: {
    triple: 'x86_64-unknown-linux-musl',
    integrity: 'CxDm3+D1cpbGJeHrdzINoG+3wn9BVncP4qpZaaNYkxe8iPtRJOYyCJnnPoVjWRIBvI9vPKbRoifsMSA5xDaUpw==',
  },
  arm64: {
    triple: 'aarch64-unknown-linux-musl',
    integrity: 'w0ScAsBr9aZKtIFrh6HN6KU2yjKKeSCzYfbb7DB0Ccj4BYPzeZtUeQprbycLCwuX3AFQdbdjapmLho2iot74jQ==',
  },
};

/**
 * The adapter has no mode in which Codex asks before everything, trusts every checkout, whose configuration then starts programs, ends
 * the turn with a no, says less of what is to be done than a question needs, and calls an answer what went wrong.
 */
const MENDS: Mend[] = [
  ['trust_level: "trusted"', 'trust_level: "untrusted"'],
  [
    '"never",\n    "user",\n    { "type": "dangerFullAccess" }',
    '"untrusted",\n    "user",\n    { "type": "dangerFullAccess" }',
  ],
  [
    'do differently",\n        "reject_once",\n        decision\n',
    'do differently",\n        "reject_once",\n        "decline"\n',
  ],
  ['"reject_once",\n      "cancel"\n', '"reject_once",\n      "decline"\n'],
  // A shell of the checkout's own is none to leave out.
  [
    '/^(?:\\/(?:[^\\s/]+\\/)*)?(?:bash|zsh|sh)\\s+(?:-[lc]+\\s+)?/',
    '/^(?:\\/usr)?\\/bin\\/(?:bash|zsh|sh)\\s+-l?c\\s+/',
  ],
  [
    'item?.changes.map((change) => change.path) ?? []',
    'item?.changes.flatMap(({ path, kind }) => (kind.move_path ? [path, kind.move_path] : [path])) ?? []',
  ],
  // Why there is no answer is no answer.
  [
    '    if (error62 === "usageLimitExceeded") {\n      this.failure',
    `    this.failure = new RequestError(-32603, readableServiceErrorMessage(params.error.message));
    return null;
    if (error62 === "usageLimitExceeded") {\n      this.failure`,
  ],
];

export interface CodexPrograms {
  /** Fetched if need be. Undefined: it cannot be had. Never rejects. */
  find: () => Promise<{ program: string; adapter: string } | undefined>;
  /** Why not, as far as somebody knows. */
  why: () => Promise<string>;
}

export interface CodexOptions {
  root: string;
  registry: () => string | undefined;
  log: Log;
}

export function createCodexPrograms({ root, registry, log }: CodexOptions): CodexPrograms {
  const build = process.platform === 'linux' ? BUILDS[process.arch] : undefined;
  const { triple, integrity } = build ?? { triple: '', integrity: '' };
  const home = `vendor/${triple}`;
  const only = ['bin', 'codex-path', 'codex-package.json'].map((name) => `${home}/${name}`);
  const version = `${VERSION}-linux-${process.arch}`;
  const program = createBundle({
    folder: join(root, `openai-codex-${VERSION}`),
    name: 'Codex',
    packages: [{ name: '@openai/codex', version, integrity, into: '', only }],
    file: `${home}/bin/codex`,
    registry: () => (build === undefined ? undefined : registry()),
    onThere: () => removeOthers(root, 'openai-codex', VERSION),
    log,
  });
  const adapter = createBundle({
    folder: join(root, `${ADAPTER}-${ADAPTER_VERSION}-${MENDED}`),
    name: 'the adapter of Codex',
    packages: [ADAPTER_PACKAGE],
    file: ADAPTER_FILE,
    registry,
    onThere: () => removeOthers(root, ADAPTER, `${ADAPTER_VERSION}-${MENDED}`),
    log,
  });
  return {
    async find() {
      await Promise.all([program.bring(), adapter.bring()]);
      const isThere = program.isThere() && adapter.isThere();
      return isThere ? { program: program.file, adapter: adapter.file } : undefined;
    },
    why: async () => (await program.why()) || adapter.why(),
  };
}

const ADAPTER_FILE = 'dist/index.js';

/** All that it needs is in its one file. */
const ADAPTER_PACKAGE: Package = {
  name: `@agentclientprotocol/${ADAPTER}`,
  version: ADAPTER_VERSION,
  integrity: '/PBsd0H6URy4bhXhAeXqwb7RqctbXfNceRihAh6nDmn5HJ873uzoHvHxF45YmeWfgOKKRrNRLZjYsket2a7EsQ==',
  into: '',
  mends: { file: ADAPTER_FILE, all: MENDS },
};

const PROVIDER = 'sam';
const TOKEN = 'SAM_MODELS_TOKEN';

/** What no program that it starts need see. */
const OWN = ['CODEX_*', 'INITIAL_AGENT_MODE', 'MODEL_PROVIDER', 'NO_BROWSER', TOKEN];

/** The checkout's own instructions, which it would read by itself of a checkout whose configuration it trusts. */
const INSTRUCTIONS =
  'Where there is an AGENTS.md in the root of the repository, read it before anything else: it holds for your work there.';

export const CODEX_MODE = 'agent-full-access';

/** The way to models, and where what coding agents remember lies; as they see it. */
export type CodingModels = Gate & { folder: string };

/** Never a key. */
export const codexEnvironment = ({ folder, url, token }: CodingModels): Record<string, string> => ({
  CODEX_HOME: `${folder}/${CODEX_FOLDER}`,
  CODEX_ACP_PROMPT_SUGGESTIONS: 'false',
  INITIAL_AGENT_MODE: CODEX_MODE,
  MODEL_PROVIDER: PROVIDER,
  NO_BROWSER: '1',
  [TOKEN]: token,
  CODEX_CONFIG: JSON.stringify({
    model_providers: {
      [PROVIDER]: { name: 'Sam', base_url: `${url}/openai/v1`, env_key: TOKEN, wire_api: 'responses' },
    },
    sandbox_mode: 'danger-full-access',
    // It would go past every question.
    web_search: 'disabled',
    developer_instructions: INSTRUCTIONS,
    shell_environment_policy: { inherit: 'all', exclude: OWN },
    features: { apps: false, hooks: false, plugins: false },
  }),
});

/** It reads by commands alone, and what it edits may be anywhere. */
export function kindForCodex({ tool, input, paths }: Wished, folder: string): string {
  if (tool === 'edit')
    return paths.length > 0 && paths.every((path) => isWithin(path, folder)) ? tool : 'other';
  const command = commandOf(input);
  return command === undefined ? tool : (readingOf(command, cwdOf(input) ?? '', folder) ?? 'execute');
}
