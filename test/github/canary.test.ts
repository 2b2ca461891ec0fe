// Tokens for git are nowhere but in git: after a clone, a fetch and a push every place is searched for every one of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { startGitHub, type GitHub } from '../testers/github.ts';
import { openShell } from '../testers/shell.ts';

/** Every file below, pipes and sockets left out. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Empty: it is gone, or not ours to see. */
function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** What all processes of this machine show to whoever may look, also those that live for a moment only. */
function allProcesses(): [string, string][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['environ', 'cmdline'].map((what) => `/proc/${pid}/${what}`))
    .map((file): [string, string] => [file, readQuietly(file)]);
}

const filesOf = ({ place }: GitHub): [string, string][] =>
  filesBelow(place.root).map((file): [string, string] => [file, readQuietly(file)]);

/** While git waits for its pack, or for the end of a push: it has its password then. */
async function lookDuring(
  context: GitHub,
  service: 'git-upload-pack' | 'git-receive-pack',
  work: () => Promise<unknown>,
): Promise<[string, string][]> {
  const hold = context.github.hold('POST', `/acme/api.git/${service}`);
  const done = work();
  await hold.arrived;
  const seen = [...allProcesses(), ...filesOf(context)];
  context.github.mend();
  await done;
  const name = service === 'git-receive-pack' ? /git\0push/ : /git\0.*(fetch|clone)/;
  expect(seen.filter(([file, text]) => file.endsWith('cmdline') && name.test(text))).not.toEqual([]);
  return seen;
}

async function dump({ place: { sql } }: GitHub): Promise<[string, string][]> {
  const tables = await sql<{ name: string }[]>`
    select table_schema || '.' || quote_ident(table_name) as name from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`;
  return Promise.all(
    tables.map(async ({ name }): Promise<[string, string]> => {
      const rows = await sql.unsafe(`select t::text as row from ${name} t`);
      return [`table ${name}`, rows.map(({ row }) => String(row)).join('\n')];
    }),
  );
}

test('no token is on a disk, in an environment, in a command line, in a log or in the database', async () => {
  let logged = '';
  const log = pino({ level: 'trace' }, { write: (line: string) => void (logged += line) });
  const context = await startGitHub({ private: true, log });
  onTestFinished(() => context[Symbol.asyncDispose]());
  const during = await lookDuring(context, 'git-upload-pack', () => context.say('/sam up'));
  const shell = await openShell(context, 'api-1');
  // Helpers that keep what they hear, as somebody may have set them up for everything.
  await shell.run('git config --global credential.helper store; git config credential.helper cache');
  await shell.run('echo more > more.txt && git add -A && git commit -q -m more');
  expect(await shell.run('git fetch')).toMatchObject({ code: 0 });
  const pushing = lookDuring(context, 'git-receive-pack', () => shell.run('git push'));
  during.push(...(await pushing));
  await shell.run('sleep 600 & disown; git config --get-regexp . ; env');
  expect(await shell.run('GIT_TRACE=1 GIT_TRACE_CURL=1 git fetch')).toMatchObject({ code: 0 });

  const tokens = [...context.github.world.tokens.values()].filter(
    (one) => one.kind === 'installation' && one.permissions['contents'] && one.repositoryIds,
  );
  expect(tokens.length).toBeGreaterThanOrEqual(4);
  const places: [string, string][] = [
    ...during,
    ...filesOf(context),
    ...allProcesses(),
    ...(await dump(context)),
    ['the log of the bot', logged],
  ];
  // What is searched is there: the checkout, the agent's log, the agent and the sleeping session, all tables.
  const names = places.map(([name]) => name).join('\n');
  expect(names).toMatch(/workspaces\/ws-\w+\/api\/\.git\/config\n/);
  expect(names).toMatch(/\.log\n/);
  expect(names).toMatch(/\/proc\/\d+\/environ\n/);
  expect(names).toContain('table public.workspaces');
  expect(logged).toContain('git got a token');
  for (const { token } of tokens) {
    const forms = [
      token,
      Buffer.from(`x-access-token:${token}`).toString('base64'),
      encodeURIComponent(token),
    ];
    const found = places.filter(([, text]) => forms.some((form) => text.includes(form)));
    expect(found.map(([name]) => name)).toEqual([]);
  }
});
