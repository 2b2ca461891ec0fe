// Conversations on pull requests and issues, as people see them.
import { expect, test } from 'vitest';
import { openScene } from './scene.ts';

test('`@sam workspace` on a pull request makes one workspace, one card, and a link for those who may', async () => {
  await using scene = await openScene();
  const comment = await scene.say('@sam workspace');
  expect(scene.comments()).toMatchInlineSnapshot();
  expect(scene.signs(comment)).toEqual(['rocket']);
});
