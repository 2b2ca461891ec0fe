// A private repository through a whole bot: cloned, committed to and pushed from a person's terminal, on their own right.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScene, type Scene } from './scene.ts';
import { openShell } from './shell.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ private: true });
}, 60_000);
afterAll(() => scene[Symbol.asyncDispose]());

const repository = () => scene.github.repository('acme/api');
const headOf = (branch: string) => scene.github.git.resolve(repository().id, `refs/heads/${branch}`);

test('a private repository is cloned, and a commit is pushed as the person who made it', async () => {
  await scene.say('/sam up');
  expect(scene.comments()[0]).toContain('running');
  const shell = await openShell(scene, 'api-1');
  const made = await shell.run(
    'echo more > more.txt && git add more.txt && git commit -q -m "more" && git push',
  );
  expect(made).toMatchObject({ code: 0 });
  const head = (await headOf('fix-login')) ?? '';
  const { message, author } = await scene.github.git.describe(repository().id, head);
  const { id } = scene.github.account('bob');
  expect({ message: message.trim(), author }).toEqual({
    message: 'more',
    author: { name: 'bob', email: `${id}+bob@users.noreply.127.0.0.1` },
  });
});
