// What is to be pushed of a workspace in which turns are worked on: between two of them, once for each wish, and never what was asked of an
// earlier life of the workspace. Over real git.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DesiredPush } from '../../../agent/protocol.ts';
import { git } from '../../testers/node.ts';
import { createTester } from './tasks.ts';

async function begin() {
  const tester = createTester();
  const tasks = await tester.open();
  const write = (text: string) => writeFileSync(join(tester.checkout, 'work.txt'), text);
  const branches = () =>
    git(tester.repository.path, 'for-each-ref', '--format=%(refname:short) %(subject)', 'refs/heads/sam')
      .trim()
      .split('\n')
      .filter(Boolean);
  return { tester, tasks, write, branches, want: (...pushes: DesiredPush[]) => tasks.want([], pushes) };
}

test('work is pushed once, and what came of it is said again to whoever asks again', async () => {
  const { tester, write, branches, want } = await begin();
  write('one');
  const push = tester.push();
  want(push);
  want(push);
  const [first] = await tester.pushed(1);
  expect(first).toMatchObject({ id: push.id, result: { subject: 'the work' } });
  expect(branches()).toEqual(['sam/api-1 the work']);
  write('two');
  want(push);
  expect(await tester.pushed(2)).toEqual([first, first]);
  const next = tester.push({ subject: 'more work' });
  want(next);
  expect((await tester.pushed(3))[2]).toMatchObject({ id: next.id, result: { subject: 'more work' } });
  expect(branches()).toEqual(['sam/api-1 more work']);
});

test('a push waits for the turn that is at work, and the next turn for the push', async () => {
  const { tester, tasks, branches, want } = await begin();
  const first = tester.turn({ prompt: 'say at work\nhang' });
  const second = tester.turn({ task: first.task, turn: 2, agent: 'shell', prompt: 'git log -1 --format=%s' });
  let asked = 0;
  const getGit = () => {
    asked++;
    return tester.git;
  };
  tester.state.standing = Object.defineProperty({ ...tester.place }, 'git', { get: getGit });
  tasks.want([first]);
  await tester.happening(first, 'text');
  writeFileSync(join(tester.checkout, 'work.txt'), 'half');
  asked = 0;
  want(tester.push());
  tasks.want([second]);
  // Nobody has begun it.
  expect(asked).toBe(0);
  tasks.want([{ ...first, desired: 'cancelled' }]);
  // It sees what was pushed before it.
  expect(await tester.happening(second, 'ended')).toMatchObject({ outcome: 'done', answer: 'the work' });
  expect(tester.state.pushed).toHaveLength(1);
  expect(branches()).toEqual(['sam/api-1 the work']);
});

test('what was to be pushed when its workspace was stopped is not pushed when that starts again', async () => {
  const { tester, tasks, write, branches, want } = await begin();
  const turn = tester.turn({ prompt: 'say at work\nhang' });
  tasks.want([turn]);
  await tester.happening(turn, 'text');
  write('nobody wants it any more');
  want(tester.push());
  tester.state.standing = 'waiting';
  tasks.look(tester.workspace);
  await tester.happening(turn, 'ended');
  tester.state.standing = undefined;
  tasks.look(tester.workspace);
  // Pushes come first.
  const next = { ...turn, turn: 2, prompt: 'say on' };
  tasks.want([next]);
  await tester.happening(next, 'ended');
  expect(tester.state.pushed).toEqual([]);
  expect(branches()).toEqual([]);
});

test('what is to be pushed while its workspace comes up is pushed when it is there', async () => {
  const { tester, tasks, write, branches, want } = await begin();
  tester.state.standing = 'waiting';
  write('work');
  want(tester.push());
  tasks.look(tester.workspace);
  expect(tester.state.pushed).toEqual([]);
  tester.state.standing = undefined;
  tasks.look(tester.workspace);
  await tester.pushed(1);
  expect(branches()).toEqual(['sam/api-1 the work']);
});
