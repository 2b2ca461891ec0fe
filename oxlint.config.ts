// The lint rules, among them who may import whom (docs/architecture.md has the picture).
import { defineConfig, type OxlintOverride } from 'oxlint';

/** The rooms of bot/. What lies in bot/ itself puts them together and may import all of them. */
const rooms = [
  'http',
  'jobs',
  'database',
  'commands',
  'workspaces',
  'tasks',
  'billing',
  'nodes',
  'ports',
  'push',
  'forges',
  'providers',
  'dns',
  'access',
  'chat',
];
/** Open to every room: types of rows, and the contract of our HTTP paths. */
const shared = ['database/types', 'http/routes'];
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

/** Forbids, in `files`, every room but `ours` (a room, or one of its files), and every SDK but `sdks`. */
function may(
  files: string[],
  ours: string[] = [],
  sdks: string[] = [],
  others: Pattern[] = [],
): OxlintOverride {
  const closed = rooms
    .filter((room) => !ours.includes(room))
    .map((room) => {
      const open = [...shared, ...ours]
        .filter((path) => path.startsWith(`${room}/`))
        .map((path) => `!../**/${path}.ts`);
      return {
        group: [`../**/${room}/**`, ...open],
        message: `This folder may not import ${room}/ (docs/architecture.md).`,
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
      group: ['../**/agent/**', '!../**/agent/protocol.ts', '!../**/agent/redact.ts'],
      message: 'Of agent/ only protocol.ts and redact.ts are shared.',
    },
    { group: ['**/main.ts'], message: 'Nothing imports the top.' },
  ]);
}

/** A room and its stores: the files that may know the tables. */
const room = (
  name: string,
  ours: string[],
  stores: string[] = [],
  others: Pattern[] = [],
): OxlintOverride[] => [
  may([`bot/${name}/**`], [name, ...ours], [], others),
  ...(stores.length > 0
    ? [
        may(
          stores.map((path) => `bot/${name}/${path}`),
          [name, ...ours, 'database'],
          ['drizzle'],
          others,
        ),
      ]
    : []),
];

/** Fronts share what lies in chat/ itself. */
const noFront = (...fronts: string[]): Pattern[] => [
  {
    group: fronts.flatMap((front) => [`../${front}/**`, `../../${front}/**`, `./${front}/**`]),
    message: 'A front knows no other front (docs/architecture.md).',
  },
];

/** Vendors' forges: whoever asks a forge knows the contract alone. */
const noForge = (...forges: string[]): Pattern[] => [
  {
    group: forges.flatMap((forge) => [`../**/forges/${forge}/**`, `./${forge}/**`]),
    message: 'Only its own front knows a forge by name (docs/architecture.md).',
  },
];

/** A program that imports nothing of `others`, but for `shared`. */
function alone(folder: string, others: string[], open: string[] = []): OxlintOverride {
  const group = [...others.map((other) => `../**/${other}/**`), ...open.map((path) => `!../**/${path}`)];
  return restrict([`${folder}/**`], [{ group, message: `${folder}/ is a program of its own.` }]);
}

const chat = ['chat', 'commands', 'workspaces', 'tasks', 'billing', 'push', 'access', 'forges', 'jobs'];

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise'],
  jsPlugins: ['./tools/house-rules.ts'],
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
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'house/one-home': 'error',
    'house/small-folder': 'error',
  },
  overrides: [
    { files: ['*.config.ts', 'tools/house-rules.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['bot/**', 'agent/**'], rules: { 'house/no-vendor': 'error', 'house/no-command': 'error' } },
    { files: ['tools/**', 'bench/**', 'test/**'], rules: { 'no-console': 'off' } },
    {
      files: ['test/**'],
      rules: {
        'max-lines': ['error', { max: 400 }],
        'max-lines-per-function': ['error', { max: 120, skipBlankLines: true, skipComments: true }],
        'typescript/no-non-null-assertion': 'off',
      },
    },
    ...room('chat', chat, ['store/**'], [...noFront('console', 'github', 'slack'), ...noForge('github')]),
    may(['bot/chat/console/**'], chat, [], [...noFront('github', 'slack'), ...noForge('github')]),
    may(['bot/chat/api/**'], chat, [], [...noFront('console', 'github', 'slack'), ...noForge('github')]),
    may(['bot/chat/github/**'], chat, ['probot'], noFront('slack', 'console')),
    may(['bot/chat/github/*-store.ts'], [...chat, 'database'], ['drizzle'], noFront('slack', 'console')),
    may(['bot/chat/slack/**'], chat, ['bolt'], [...noFront('github', 'console'), ...noForge('github')]),
    may(
      ['bot/chat/slack/**/store.ts', 'bot/chat/slack/**/*-store.ts'],
      [...chat, 'database'],
      ['drizzle'],
      noFront('github', 'console'),
    ),
    ...room('commands', ['workspaces', 'tasks', 'billing', 'access', 'forges/forge', 'ports/ports-store']),
    ...room('workspaces', ['jobs', 'providers/provider', 'dns/dns', 'access'], ['store/**']),
    ...room('tasks', ['workspaces', 'jobs', 'forges/forge', 'push/push-store'], ['store/**']),
    may(['bot/workspaces/naming.ts'], ['workspaces', 'commands/parser/names']),
    ...room('billing', ['workspaces/store/settings', 'workspaces/store/nodes']),
    ...room(
      'nodes',
      ['workspaces', 'tasks', 'access', 'forges', 'jobs', 'providers/provider', 'push/push-store'],
      [],
      noForge('github'),
    ),
    ...room('ports', ['access', 'forges', 'providers/provider'], ['*-store.ts'], noForge('github')),
    ...room('push', ['access', 'jobs'], ['*-store.ts']),
    ...room('access', ['forges', 'providers/provider'], ['store/**', '**/*-store.ts'], noForge('github')),
    ...room('forges', [], [], noForge('github')),
    // The table alone names what is in it.
    may(['bot/forges/index.ts'], ['forges']),
    may(['bot/forges/github/**'], ['forges'], ['probot']),
    ...room('jobs', []),
    ...room('providers', []),
    may(['bot/providers/hetzner/hetzner.ts'], ['providers'], ['hetzner']),
    ...room('dns', []),
    may(['bot/dns/cloudflare/**'], ['dns'], ['cloudflare']),
    ...room('database', []),
    may(['bot/database/**'], ['database', 'jobs/lease'], ['drizzle']),
    ...room('http', ['access', 'workspaces']),
    alone('agent', ['bot', 'web-terminal']),
    restrict(
      ['agent/sessions/**'],
      [
        {
          group: ['ws', '../terminal/**', '../holder/**', '../../**'],
          message: 'A session knows no socket and no frame.',
        },
      ],
    ),
    restrict(
      ['agent/holder/**'],
      [
        {
          group: ['ws', '../*/**', '!../sessions/**', '!../system/**', '../../**'],
          message: 'A holder holds sessions, and knows nothing else.',
        },
      ],
    ),
    restrict(
      ['agent/protocol.ts', 'agent/redact.ts', 'agent/widths.ts'],
      [{ group: ['*', '**/*'], message: 'What all programs share imports nothing.' }],
    ),
    alone('web-terminal', ['bot', 'agent'], ['agent/protocol.ts', 'agent/widths.ts']),
  ],
});
