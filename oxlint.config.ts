// The lint rules, among them who may import whom (docs/architecture.md has the picture).
import { defineConfig, type OxlintOverride } from 'oxlint';

const folders = [
  'chat',
  'github',
  'commands',
  'workspaces',
  'providers',
  'dns',
  'access',
  'agents',
  'database',
];
const chat = ['commands', 'access', 'github'];
const vendors: Record<string, string[]> = {
  probot: ['probot', '@octokit/*'],
  bolt: ['@slack/*'],
  hetzner: ['hcloud-js'],
  cloudflare: ['cloudflare', 'cloudflare/**'],
  drizzle: ['drizzle-orm', 'drizzle-orm/**', 'postgres'],
};

type Pattern = { group: string[]; message: string };

function restrict(files: string[], patterns: Pattern[]): OxlintOverride {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

/** Forbids, in `files`, every folder of bot/ but `ours` (a folder, or one of its files), and every SDK but `sdks`. */
function may(
  files: string[],
  ours: string[] = [],
  sdks: string[] = [],
  others: Pattern[] = [],
): OxlintOverride {
  const closed = folders
    .filter((folder) => !ours.includes(folder))
    .map((folder) => {
      const open = ours.filter((path) => path.startsWith(`${folder}/`)).map((path) => `!../**/${path}.ts`);
      const types = folder === 'database' ? ['!../**/database/types.ts'] : [];
      return {
        group: [`../**/${folder}/**`, ...open, ...types],
        message: `This folder may not import ${folder}/ (docs/architecture.md).`,
      };
    });
  const sdksElsewhere = Object.entries(vendors)
    .filter(([name]) => !sdks.includes(name))
    .map(([name, group]) => ({ group, message: `The ${name} SDK stays in the place that wraps it.` }));
  return restrict(files, [
    ...closed,
    ...sdksElsewhere,
    ...others,
    {
      group: ['../**/agent/**', '!../**/agent/protocol.ts'],
      message: 'Of agent/ only protocol.ts is shared.',
    },
    { group: ['**/main.ts', '**/server.ts'], message: 'Nothing imports the top.' },
  ]);
}

/** Fronts share what lies in chat/ itself. */
const noFront = (...fronts: string[]): Pattern[] => [
  {
    group: fronts.flatMap((front) => [`../${front}/**`, `../${front}.ts`, `./${front}/**`, `./${front}.ts`]),
    message: 'A front knows no other front (docs/architecture.md).',
  },
];

/** A program that imports nothing of `others`, but for `shared`. */
function alone(folder: string, others: string[], shared: string[] = []): OxlintOverride {
  const group = [...others.map((other) => `../**/${other}/**`), ...shared.map((path) => `!../**/${path}`)];
  return restrict([`${folder}/**`], [{ group, message: `${folder}/ is a program of its own.` }]);
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise'],
  categories: { correctness: 'error' },
  ignorePatterns: ['migrations/**'],
  rules: {
    'typescript/no-floating-promises': ['error', { checkThenables: true }],
    'typescript/no-misused-promises': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/only-throw-error': 'error',
    'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    eqeqeq: 'error',
    'no-console': 'error',
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
  },
  overrides: [
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['tools/**', 'bench/**', 'test/**'], rules: { 'no-console': 'off' } },
    {
      files: ['test/**'],
      rules: { 'max-lines-per-function': 'off', 'typescript/no-non-null-assertion': 'off' },
    },
    may(['bot/chat/**'], chat),
    may(['bot/chat/github.ts'], chat, ['probot'], noFront('slack')),
    may(['bot/chat/github/**'], chat, [], noFront('slack')),
    may(['bot/chat/slack.ts', 'bot/chat/slack/**'], chat, ['bolt'], noFront('github')),
    may(['bot/chat/store/**'], ['database'], ['drizzle'], noFront('github', 'slack')),
    may(
      ['bot/chat/slack/store.ts', 'bot/chat/slack/*-store.ts'],
      ['commands', 'access', 'database'],
      ['drizzle'],
    ),
    may(['bot/github/**'], [], ['probot']),
    may(['bot/commands/**'], ['workspaces/store', 'workspaces/workspace', 'access']),
    may(['bot/workspaces/**'], ['providers/provider', 'dns']),
    may(['bot/workspaces/store/**'], ['providers/provider', 'dns', 'database'], ['drizzle']),
    may(['bot/access/**'], ['github']),
    may(['bot/access/connect-store.ts'], ['github', 'database'], ['drizzle']),
    may(['bot/access/store/**'], ['database'], ['drizzle']),
    may(['bot/agents/**'], ['workspaces/store', 'access', 'github']),
    may(['bot/providers/**']),
    may(['bot/providers/hetzner.ts'], [], ['hetzner']),
    may(['bot/dns/**'], [], ['cloudflare']),
    may(['bot/database/**'], [], ['drizzle']),
    alone('agent', ['bot', 'web-terminal']),
    restrict(['agent/protocol.ts'], [{ group: ['*', '**/*'], message: 'protocol.ts imports nothing.' }]),
    alone('web-terminal', ['bot', 'agent'], ['agent/protocol.ts']),
  ],
});
