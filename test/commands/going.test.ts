// What is being deleted does not come back, and whoever wants it hears what to type where they are.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSay } from '../../bot/commands/say.ts';
import type { Command, Scene } from '../../bot/commands/context.ts';
import { restart } from '../../bot/commands/restart.ts';
import { start } from '../../bot/commands/start.ts';
import { up } from '../../bot/commands/up.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { command, github } from './table.ts';

let rows: Rows;
beforeAll(async () => {
  rows = await openRows();
});
afterAll(() => rows.close());

test.each([start, restart, up])('`$name` of it says how to make a new one', async (verb: Command) => {
  const name = `box-${verb.name}`;
  const { owner } = await rows.addWorkspace({ name, phase: 'deleting', desired: 'deleted' });
  const run = rows.db.transaction((tx) => {
    const scene: Scene = {
      tx,
      actor: { id: owner, name: 'ada' } as Scene['actor'],
      front: 'github',
      place: { thread: 'acme/api#1' },
      repository: undefined,
      now: new Date(),
      limits: { workspacesPerUser: 0, idleTimeoutMs: 0 },
      commands: [],
      say: createSay('/sam'),
      trigger: '/sam',
    };
    return verb.run(command(`/sam ${verb.name} ${name}`, github), scene);
  });
  await expect(run).rejects.toThrow(
    `\`${name}\` is being deleted, and nothing brings it back. Make a new one: \`/sam up\`.`,
  );
});
