// Without a forge channels say where repositories may be started; of many Slack workspaces, those of the right one.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SlackConfig } from '../../bot/chat/slack/config.ts';
import { permit } from '../../bot/chat/slack/rights.ts';
import type { Event } from '../../bot/chat/slack/request.ts';
import type { PendingCommand } from '../../bot/chat/front.ts';
import { openRows, type Rows } from '../access/rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

const up = {
  command: { needsWrite: true },
  repository: { url: 'https://github.com/acme/api', label: 'acme/api' },
  line: { verb: 'up' },
} as unknown as PendingCommand;

const says = (config: Partial<SlackConfig>, team: string, channel: string): Promise<string> =>
  permit({ db: rows.db, config: config as SlackConfig, forges: [], commandsPerHour: 0 }, up, {
    team,
    channel,
    home: team,
    user: 'U1',
  } as Event).then(
    () => 'may start',
    (error: { code: string }) => error.code,
  );

test('of many Slack workspaces only the one that was named may start there', async () => {
  const many = { install: {} as SlackConfig['install'], allowedChannels: ['T0OURS/C0ALLOWED'] };
  expect(await says(many, 'T0OURS', 'C0ALLOWED')).toBe('may start');
  expect(await says(many, 'T0OTHER', 'C0ALLOWED')).toBe('not-here');
  expect(await says(many, 'T0OURS', 'C0OTHER')).toBe('not-here');
});

test('of one the channel is enough', async () => {
  const one = { install: undefined, allowedChannels: ['C0ALLOWED'] };
  expect(await says(one, 'T0OURS', 'C0ALLOWED')).toBe('may start');
  expect(await says(one, 'T0OURS', 'C0OTHER')).toBe('not-here');
});
