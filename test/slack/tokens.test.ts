// Tokens for programs in Slack: shown to the one who asked, once, and to nobody else.
import { expect, test } from 'vitest';
import { startSlack } from '../testers/slack.ts';

test('a token is shown to the one who asked alone, works, and is worth nothing once it is ended', async () => {
  await using bot = await startSlack();
  const context = await bot.room();
  const { slack, people, dev } = context;
  await context.say('token new ci --for 2d');
  const shown = slack.seenBy(people.bob, dev).at(-1)!;
  const [token = ''] = /sam_pat_[\w-]{43}/.exec(JSON.stringify(shown.blocks)) ?? [];
  expect(shown.ephemeralTo).toBe(people.bob.id);
  expect(JSON.stringify(slack.seenBy(people.ada, dev))).not.toContain('sam_pat_');
  const me = () =>
    fetch(`${context.sam.bot.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
  expect(await (await me()).json()).toMatchObject({ scopes: ['read', 'write'], token: { name: 'ci' } });
  expect((await context.say('tokens')).join('\n')).toMatch(/ci +write/);
  await context.say('token rm ci');
  expect((await me()).status).toBe(401);
});
