// What is asked on one repository in an hour, by all people together.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking({ env: { MAX_ASKS_PER_HOUR: '2' } });
  context.github.addCollaborator('acme/api', 'eve', 'write');
  for (const person of ['ada', 'bob', 'eve']) await context.leaveKey(person);
});
afterAll(() => context[Symbol.asyncDispose]());

test('a repository is asked twice what a person may ask, and lines that are run do not count', async () => {
  for (let count = 0; count < 4; count++) {
    await context.say(`/sam run make ${count}`, 'bob', await context.newPull());
    await context.asked(`make ${count}`);
  }
  for (const [count, person] of ['ada', 'ada', 'bob', 'bob'].entries()) {
    await context.say(`/sam ask wish ${count}`, person, await context.newPull());
    await context.asked(`wish ${count}`);
  }
  const pull = await context.newPull();
  await context.say('/sam ask wish 5', 'eve', pull);
  expect(context.comments(pull).at(-1)).toContain('4 times');
  await context.place.sql`update task_turns set created_at = created_at - interval '2 hours'`;
  await context.say('/sam ask wish 6', 'eve', pull);
  await context.asked('wish 6');
});
