// What is being deleted does not come back, and whoever wants it hears what to type where they are.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onGitHub } from '../../bot/chat/github/render.ts';
import type { StartContext, StartingCommand } from '../../bot/commands/context.ts';
import { restart } from '../../bot/commands/restart.ts';
import { start } from '../../bot/commands/start.ts';
import { createVoice, wordRefusal } from '../../bot/chat/wording.ts';
import type { UserError } from '../../bot/errors.ts';
import { up } from '../../bot/commands/up.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { command, github } from './table.ts';
import { NO_LIMITS } from '../workspaces/rows.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

test.each([start, restart, up])('`$name` of it says how to make a new one', async (verb: StartingCommand) => {
  const name = `box-${verb.name}`;
  const { owner } = await rows.addWorkspace({ name, phase: 'deleting', desired: 'deleted' });
  const run = rows.db.transaction((tx) => {
    const context: StartContext = {
      tx,
      actor: { id: owner, name: 'ada' } as StartContext['actor'],
      front: 'github',
      traits: onGitHub,
      place: { thread: 'acme/api#1' },
      repository: undefined,
      now: new Date(),
      isAdmin: false,
      admins: [],
      deliveryId: 'd-1',
      policy: { allow: [], deny: [] },
      codingAgents: [],
      provider: 'local',
      limits: { ...NO_LIMITS, workspacesPerUser: 0, idleTimeoutMs: 0, askMinutes: 60, nodeWarmMs: 0 },
      heads: new Map(),
    };
    return verb.run(command(`/sam ${verb.name} ${name}`, github), context);
  });
  const error = await run.catch((thrown: unknown) => thrown as UserError);
  expect(wordRefusal((error as UserError).said, createVoice('/sam').say).text).toBe(
    `\`${name}\` is being deleted, and nothing brings it back. Make a new one: \`/sam up\`.`,
  );
});
