// slack.yml: what the app asks for is what the code uses, no more and no less.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { readDescribed, readManifest } from '../../bot/chat/slack/install/manifest.ts';
import { inSlack } from '../../bot/chat/slack/request.ts';
import { isOffered } from '../../bot/commands/command.ts';
import { commands } from '../../bot/commands/index.ts';
import { parse, type ParseContext } from '../../bot/commands/parser/parse.ts';
import { SCOPES } from '../fakes/slack/methods.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Methods that the code calls, by the scope that Slack wants for them; '': none. */
async function usedScopes(): Promise<Set<string>> {
  const folder = join(ROOT, 'bot/chat/slack');
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const calls = texts.join('\n').matchAll(/\b(?:client|api)\s*\.(\w+(?:\.\w+)+|reactions\[how\])\(/g);
  const methods = [...calls].map(([, name = '']) => name.replace('[how]', '.add'));
  return new Set(methods.map((name) => SCOPES[name] ?? `no scope is known for ${name}`));
}

const EVENT_SCOPES: Record<string, string> = { app_mention: 'app_mentions:read', 'message.im': 'im:history' };

test('every scope is used, and every call has its scope', async () => {
  const { oauth_config: oauth, settings } = await readDescribed();
  const heard = settings.event_subscriptions.bot_events.map((name) => EVENT_SCOPES[name] ?? '');
  const needed = new Set([...(await usedScopes()), ...heard, 'commands']);
  expect(oauth.scopes.bot.toSorted()).toEqual([...needed].filter(Boolean).toSorted());
});

test('every event is understood, and there is no other', async () => {
  const { settings } = await readDescribed();
  const files = ['slack/shapes.ts', 'slack/forms/events.ts'];
  const shapes = await Promise.all(files.map((name) => readFile(join(ROOT, 'bot/chat', name), 'utf8')));
  const read = [
    ...shapes.join('\n').matchAll(/\bevent: z\.object\(\{\s*type: z\.(?:enum|literal)\(([^)]*)\)/g),
  ];
  const names = read.flatMap(([, list = '']) => [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name));
  const heard = settings.event_subscriptions.bot_events;
  expect(new Set(names)).toEqual(new Set(heard.map((name) => name.split('.')[0])));
  const docs = await readFile(join(ROOT, 'docs/slack.md'), 'utf8');
  const [, listed = ''] = /It hears of (.*?)\. It cannot read/s.exec(docs) ?? [];
  expect(new Set([...listed.matchAll(/`([\w.]+)`/g)].map(([, name]) => name))).toEqual(new Set(heard));
});

test('what the page says one can say is what one can say', async () => {
  const docs = await readFile(join(ROOT, 'docs/slack.md'), 'utf8');
  const table = docs.slice(docs.indexOf('## What you can say'), docs.indexOf('In a thread call it'));
  const said = [...table.matchAll(/`(?:\/sam )?([a-z]+)\b[^`]*`/g)].map(([, word = '']) => word);
  const offered = commands.filter((command) => isOffered(command, inSlack)).map(({ name }) => name);
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(5);
  for (const name of offered) expect(said).toContain(name);
  for (const line of [...table.matchAll(/`\/sam ([^`]+)`/g)].map(([, one = '']) => one))
    expect(parse(line, context).kind).not.toBe('error');
});

const context: ParseContext = {
  traits: inSlack,
  markup: 'mrkdwn',
  triggers: ['/sam'],
  triggerOptional: true,
  commands,
  allowPaths: false,
  allowUrls: false,
};

test('every scope has a comment that says why', async () => {
  const lines = (await readFile(join(ROOT, 'slack.yml'), 'utf8')).split('\n');
  const scopes = (await readDescribed()).oauth_config.scopes.bot;
  for (const scope of scopes) {
    const at = lines.findIndex((line) => line.trim() === `- ${scope}`);
    expect(lines[at - 1]).toMatch(/^ +# \S/);
  }
  const docs = await readFile(join(ROOT, 'docs/slack.md'), 'utf8');
  for (const scope of scopes) expect(docs).toContain(`| \`${scope}\` |`);
});

test('with an address it is what Slack takes', async () => {
  const manifest = await readManifest({
    baseUrl: 'https://sam.example',
    command: '/cloud',
    overSocket: false,
  });
  expect(manifest).toMatchObject({
    features: { slash_commands: [{ command: '/cloud', url: 'https://sam.example/slack/events' }] },
    oauth_config: { redirect_urls: ['https://sam.example/slack/oauth_redirect'] },
    settings: {
      event_subscriptions: { request_url: 'https://sam.example/slack/events' },
      interactivity: {
        is_enabled: true,
        request_url: 'https://sam.example/slack/events',
        message_menu_options_url: 'https://sam.example/slack/events',
      },
      socket_mode_enabled: false,
    },
  });
  const limits = manifest['display_information'] as { name: string; description: string };
  expect(limits.name.length).toBeLessThanOrEqual(35);
  expect(limits.description.length).toBeLessThanOrEqual(140);
});

test('`npm run slack-manifest` prints it, or says what is missing', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sam-manifest-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const run = (env: Record<string, string>, ...args: string[]) =>
    promisify(execFile)(process.execPath, [join(ROOT, 'tools/slack-manifest.ts'), ...args], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });
  const { stdout } = await run({ BASE_URL: 'https://sam.example' }, '--socket');
  expect(JSON.parse(stdout)).toMatchObject({ settings: { socket_mode_enabled: true } });
  expect(stdout).not.toContain('/slack/events');
  await expect(run({})).rejects.toMatchObject({ stderr: expect.stringContaining('BASE_URL is missing') });
  await writeFile(join(cwd, '.env'), 'BASE_URL=https://sam.example\nSLACK_COMMAND=/box\n');
  const [command] = JSON.parse((await run({})).stdout).features.slash_commands;
  expect(command).toMatchObject({ command: '/box', url: 'https://sam.example/slack/events' });
});
