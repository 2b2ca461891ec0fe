// `.github/sam.yml`: what it may say, what becomes of mistakes in it, and what it changes for people.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { isOffered } from '../../bot/commands/command.ts';
import { commands } from '../../bot/commands/index.ts';
import { createGitHubApp } from '../../bot/forges/github/app.ts';
import {
  createSettingsReader,
  defaultSettings,
  parseRepositorySettings,
  settingsShape,
  type RepositorySettings,
} from '../../bot/forges/github/repository-settings.ts';
import { expiryOf } from '../../bot/workspaces/workspace.ts';
import { privateKey, openContext } from '../fakes/github/context.ts';
import { T0, workspaceRow } from '../workspaces/rows.ts';
import { until } from '../until.ts';
import { startGitHub, type GitHub } from '../testers/github.ts';

const problemsOf = (text: string): string[] => parseRepositorySettings(text).problems;

test('every key can be said, and what is not said has a default', () => {
  const { settings, problems } = parseRepositorySettings(`
    # for Sam
    label: Workspace
    comments: off
    deployments: false
    checks: on
    size: large
    auto_start: true
    idle_time: 90m
    who: maintain
    ask: {allow: [read, npm test]}
  `);
  expect(problems).toEqual([]);
  expect(settings).toEqual({
    label: 'workspace',
    comments: false,
    deployments: false,
    checks: true,
    size: 'large',
    auto_start: true,
    idle_time: 90 * 60_000,
    who: 'maintain',
    ask: { allow: ['read', 'npm test'], deny: [] },
  });
  for (const nothing of ['', '# nothing\n', '{}', '---\n...\n'])
    expect(parseRepositorySettings(nothing)).toEqual({ settings: defaultSettings, problems: [] });
});

test('a mistake costs its own key, and is said with what is allowed', () => {
  const text =
    'size: huge\nidle_time: 1m\nwho: [write]\ncomments: maybe\nautostart: on\nlabel: review\n__proto__: 1\n';
  const { settings, problems } = parseRepositorySettings(text);
  expect(settings).toEqual({ ...defaultSettings, label: 'review' });
  expect(problems).toMatchInlineSnapshot(`
    [
      "\`size\` is \`huge\`, not \`small\`, \`medium\` or \`large\`",
      "\`idle_time\` is \`1m\`, not a time from \`5m\` to \`30d\`, like \`90m\` or \`2h\`",
      "\`who\` is \`["write"]\`, not \`write\`, \`maintain\` or \`admin\`",
      "\`comments\` is \`maybe\`, not \`on\` or \`off\`",
      "\`autostart\` is no setting; there are \`label\`, \`comments\`, \`deployments\`, \`checks\`, \`size\`, \`auto_start\`, \`idle_time\`, \`who\`, \`ask\`",
      "\`__proto__\` is no setting; there are \`label\`, \`comments\`, \`deployments\`, \`checks\`, \`size\`, \`auto_start\`, \`idle_time\`, \`who\`, \`ask\`",
    ]
  `);
});

test('what is no map of keys is said, and nothing of it counts', () => {
  const bomb = [
    'a: &a [x, x]',
    ...'bcdefgh'.split('').map((name, at) => `${name}: &${name} [*${'abcdefg'[at]}, *${'abcdefg'[at]}]`),
  ];
  const texts = [
    '- sam',
    'just words',
    'label: [',
    bomb.join('\n'),
    'x'.repeat(20_000),
    'size: small\nsize: large',
  ];
  expect(texts.map((text) => problemsOf(text).join())).toMatchInlineSnapshot(`
    [
      "it is no list of \`key: value\`, so nothing of it counts",
      "it is no list of \`key: value\`, so nothing of it counts",
      "line 1 is no YAML (Flow sequence in block collection must b…), so nothing of it counts",
      "it has aliases or is nested too deeply, so I do not read it",
      "it is larger than 16 KiB, so I do not read it",
      "line 2 is no YAML (Map keys must be unique), so nothing of it counts",
    ]
  `);
});

test('whatever the file is, there are settings', () => {
  expect(parseRepositorySettings('['.repeat(9_000))).toMatchObject({ settings: defaultSettings });
  const keys = fc.constantFrom(...Object.keys(settingsShape.shape), 'else');
  const values = fc.oneof(
    fc.string(),
    fc.constantFrom('on', '2h', 'small', '&a 1', '*a', '|', '!!js/function "x"', '{', '- '),
  );
  const lines = fc
    .array(fc.tuple(keys, values).map(([key, value]) => `${key}: ${value}`))
    .map((all) => all.join('\n'));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), lines), (text) => {
      const { settings, problems } = parseRepositorySettings(text);
      expect(Object.keys(settings)).toEqual(expect.arrayContaining(Object.keys(defaultSettings)));
      for (const problem of problems) expect(problem).not.toContain('\n');
    }),
    { numRuns: 500 },
  );
});

test('an idle time shortens what the bot allows, and never lengthens it', () => {
  const hours = (idleTime: number | null, limit: number): number | undefined => {
    const row = workspaceRow({ idleTimeMs: idleTime === null ? null : idleTime * 3_600_000 });
    const expiry = expiryOf(row, limit * 3_600_000);
    return expiry && (expiry.getTime() - T0.getTime()) / 3_600_000;
  };
  expect([hours(2, 4), hours(8, 4), hours(null, 4)]).toEqual([2, 4, 4]);
  // 0: the bot stops nothing by itself, so whatever the repository says is shorter.
  expect([hours(2, 0), hours(null, 0)]).toEqual([2, undefined]);
});

const DOCS = join(import.meta.dirname, '../../docs/github.md');

const shownDefault = (value: RepositorySettings[keyof RepositorySettings]): string =>
  typeof value === 'object' ? JSON.stringify(value) : value === true ? 'on' : String(value || 'off');

/** A row of the table in docs/github.md. */
const describeKey = ([key, schema]: [
  string,
  (typeof settingsShape.shape)[keyof RepositorySettings],
]): string => {
  const { takes, description } = schema.meta() ?? {};
  const value = defaultSettings[key as keyof RepositorySettings];
  const otherwise = value === undefined ? "the bot's" : `\`${shownDefault(value)}\``;
  return `| \`${key}\` | ${String(takes)} | ${otherwise} | ${String(description)} |`;
};

test('docs/github.md has every key, with what it takes, what holds without it, and what it is for', () => {
  const text = readFileSync(DOCS, 'utf8');
  const rows = Object.entries(settingsShape.shape).map(describeKey);
  expect(text).toContain(['| key | takes | without it | |', '|---|---|---|---|', ...rows].join('\n'));
});

test('docs/github.md has every command that works on GitHub', () => {
  const text = readFileSync(DOCS, 'utf8');
  const table = text.slice(text.indexOf('## Commands'), text.indexOf('A target is'));
  const missing = commands
    .filter((command) => isOffered(command, onGitHub))
    .map(({ name }) => name)
    .filter((name) => !new RegExp(`\`(/sam )?${name}[\` ]`).test(table));
  expect(missing).toEqual([]);
});

test('a change is seen after a while; a GitHub that does not answer changes nothing', async () => {
  const { github } = await openContext({});
  const config = {
    appId: 7,
    privateKey,
    webhookSecrets: ['a-webhook-secret-for-tests'],
    clientId: 'c',
    clientSecret: 's',
    mentions: [],
  };
  const log = pino({ level: 'silent' });
  const app = createGitHubApp(
    { ...config, appId: github.app.id, url: github.url, apiUrl: github.apiUrl },
    log,
  );
  const reader = createSettingsReader({ app, keptMs: 0, log });
  const lazy = createSettingsReader({ app, keptMs: 60_000, log });
  const size = async (one = reader) => (await one.read('acme/api')).settings.size;
  expect([await size(), await size(lazy)]).toEqual(['medium', 'medium']);
  await github.commit('acme/api', 'alice', { '.github/sam.yml': 'size: small\n' });
  expect([await size(), await size(lazy)]).toEqual(['small', 'medium']);
  github.fail('GET', '/repos/acme/api/contents/*', { status: 502 });
  expect(await size()).toBe('small');
  await github.commit('acme/api', 'alice', { '.github/sam.yml': 'size: enormous\n' });
  expect([await size(), reader.known('acme/api').problems.length]).toEqual(['medium', 1]);
});

let context: GitHub;
beforeAll(async () => {
  context = await startGitHub({
    env: { SAM_DEADLINE_BASE: '20s' },
    settings: 'label: workspace\nsize: small\nidle_time: 30m\nsizes: large\nwho: everyone\n',
  });
});
afterAll(() => context[Symbol.asyncDispose]());

async function addRepository(name: string, settings: string): Promise<void> {
  await context.github.addRepository(name, { files: { '.github/sam.yml': settings } });
  context.github.addCollaborator(name, 'bob', 'write');
}

test('a repository has its own label, size and idle time; its mistakes are shown on the card', async () => {
  const pull = await context.github.addPullRequest('acme/api', {
    by: 'bob',
    branch: 'mine',
    files: { '.github/sam.yml': 'label: evil\nsize: large\n' },
  });
  await context.github.label(pull, 'bob', 'evil');
  await context.github.label(pull, 'bob', 'sam');
  await context.settle();
  expect(context.comments(pull)).toEqual([]);
  await context.github.label(pull, 'bob', 'Workspace');
  await context.settle();
  expect(context.comments(pull)).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 acme/api#1 -->

    ### ✅ Workspace \`api-1\`: running
    \`acme/api@mine\` @ \`commit\` · small · on the host, which does not isolate · for \`bob\`

    **[Open terminal](http://localhost/w/ws-1?s=SIGNATURE)** (sign in with GitHub) · stops at **TIME** if idle: \`/sam extend api-1 4h\`

    <sub>ws-1 · \`/sam open api-1\` · \`/sam extend api-1 4h\` · \`/sam stop api-1\` · \`/sam rm api-1\`</sub>

    ⚠ \`.github/sam.yml\`: \`sizes\` is no setting; there are \`label\`, \`comments\`, \`deployments\`, \`checks\`, \`size\`, \`auto_start\`, \`idle_time\`, \`who\`, \`ask\`; \`who\` is \`everyone\`, not \`write\`, \`maintain\` or \`admin\`.",
    ]
  `);
  const [row] = await context.place.sql<{ idle: string }[]>`
    select idle_time_ms as idle from workspaces where topic = ${`acme/api#${pull.number}`}`;
  expect(Number(row?.idle)).toBe(30 * 60_000);
  await context.github.unlabel(pull, 'bob', 'Workspace');
  await context.settle();
  expect(context.comments(pull)[0]).toContain('because the label `workspace` was removed');
});

test('where comments are off Sam reacts and writes nothing; what is not off is shown', async () => {
  await addRepository('acme/quiet', 'comments: off\nchecks: off\n');
  const pull = await context.github.addPullRequest('acme/quiet', { by: 'bob' });
  const [typo, up] = [
    await context.say('/sam satus', 'bob', pull),
    await context.say('/sam up', 'bob', pull),
  ];
  expect([context.signs(typo), context.signs(up), context.comments(pull)]).toEqual([
    ['confused'],
    ['rocket'],
    [],
  ]);
  const repository = context.github.repository('acme/quiet');
  expect(context.github.deploymentsOf(repository).map(({ statuses }) => statuses.at(-1)?.state)).toEqual([
    'success',
  ]);
  expect(context.github.checksOf(repository)).toEqual([]);
});

test('who may start a workspace is for the repository to say', async () => {
  await addRepository('acme/strict', 'who: maintain\n');
  context.github.addUser('mia');
  context.github.addCollaborator('acme/strict', 'mia', 'write', 'maintain');
  const pull = await context.github.addPullRequest('acme/strict', { by: 'bob' });
  const refused = await context.say('/sam up', 'bob', pull);
  const taken = await context.say('/sam up', 'mia', pull);
  expect([context.signs(refused), context.signs(taken)]).toEqual([['-1'], ['rocket']]);
});

test('a file that GitHub cannot give is not one that is not there: starting waits, what runs goes on', async () => {
  await addRepository('acme/closed', 'who: admin\nlabel: work\nauto_start: on\n');
  const running = await context.github.addPullRequest('acme/closed', { by: 'ada', branch: 'running' });
  context.github.addCollaborator('acme/closed', 'ada', 'admin');
  await context.say('/sam up', 'ada', running);
  // Nothing is known of it any more, as after a start.
  await context.sam.restart();
  context.github.fail('GET', '/repos/acme/closed/contents/*', { status: 500, times: Infinity });
  const pull = await context.github.addPullRequest('acme/closed', { by: 'bob', branch: 'wanted' });
  const { comment } = await context.github.comment(pull, 'bob', '/sam up');
  await context.github.label(pull, 'bob', 'sam');
  const attempts = async () => {
    const rows = await context.place.sql<{ attempts: number }[]>`
      select attempts from deliveries where thread = ${`acme/closed#${pull.number}`} and ended_at is null`;
    return Math.max(0, ...rows.map((row) => row.attempts));
  };
  await until(async () => (await attempts()) >= 2);
  const made = () =>
    context.place.sql`select 1 from workspaces where topic = ${`acme/closed#${pull.number}`}`;
  expect(await made()).toEqual([]);
  const { comment: stop } = await context.github.comment(running, 'ada', '/sam stop');
  await until(() => context.signs(stop).includes('rocket'));
  context.github.mend();
  await context.settle();
  expect([await made(), context.signs(comment)]).toEqual([[], ['-1']]);
});

test('where it is wanted, a pull request that is ready gets a workspace, if who opened it may have one', async () => {
  await addRepository('acme/auto', 'auto_start: on\n');
  const open = async (by: string, repository: string) => {
    const pull = await context.github.addPullRequest(repository, { by, branch: `of-${by}`, draft: true });
    await context.github.readyForReview(pull, by);
    await context.settle();
    return context.comments(pull);
  };
  expect((await open('bob', 'acme/auto')).join()).toContain(': running');
  expect(await open('eve', 'acme/auto')).toEqual([]);
  expect(await open('bob', 'acme/api')).toEqual([]);
});
