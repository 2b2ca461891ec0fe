// Conversations on GitHub: somebody has a command line run, a scripted agent says how it went, the answer comes once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TurnHappening } from '../../agent/protocol.ts';
import { startAsking, type Asking } from './conversation.ts';

let context: Asking;
beforeAll(async () => {
  context = await startAsking();
});
afterAll(() => context[Symbol.asyncDispose]());

const ended = (
  answer: string,
  exit: { code?: number; signal?: string; lines?: number; skipped?: number },
): TurnHappening => ({
  kind: 'ended',
  outcome: 'done',
  answer,
  exit: { lines: answer.split('\n').length, skipped: 0, ...exit },
});

async function run(line: string, by = 'bob') {
  const pull = await context.newPull();
  await context.github.comment(pull, by, `/sam run ${line}`);
  const turn = await context.asked(line);
  await context.happens(turn, { kind: 'started' });
  return { pull, turn };
}

test('`run` brings a workspace up without any key, and how the line ended is one comment', async () => {
  const pull = await context.newPull();
  await context.github.comment(pull, 'bob', '@sam run npm test -- --bail\n\nIt failed for me.\n\n/sam stop');
  const turn = await context.asked('npm test -- --bail');
  expect(turn).toMatchObject({ turn: 1, agent: 'shell', minutes: 60, policy: { allow: [], deny: [] } });
  await context.happens(turn, { kind: 'started' }, { kind: 'text', message: 'head', text: '2 passed\n' });
  context.nodes.again(turn);
  await context.happens(turn, ended('2 passed\n@bob ```\n/sam rm', { code: 0 }));
  await context.settle();
  expect(context.answers(pull)).toMatchInlineSnapshot(`
    [
      "<!-- sam:v1 tk-1/1 -->
    ### ✅ \`api-1\`: exit 0 after SPAN

    \`npm test -- --bail\`

    \`\`\`text
    2 passed
    @bob '''
    › /sam rm
    \`\`\`

    <sub>tk-1/1 · \`/sam run …\`</sub>",
    ]
  `);
});

test('a line that fails has failed, and leads to all that it wrote', async () => {
  const { pull, turn } = await run('make check');
  const lines = Array.from({ length: 100 }, (_, at) => `line ${at + 246}`);
  await context.happens(turn, ended(lines.join('\n'), { code: 2, lines: 345 }));
  await context.settle();
  const [answer = ''] = context.answers(pull);
  expect(answer).toContain('### ❌ `api-1`: exit 2 after SPAN');
  expect(answer).toMatch(/```text\nline 326\n[^]*\nline 345\n```/);
  expect(answer).toMatch(/\[All 345 lines\]\(http\S+\/w\/ws-1\/runs\/tk-1\/1\)/);
});

test('one that a signal ended says so, and one that nobody answers for says what to do', async () => {
  const { pull, turn } = await run('./crash');
  await context.happens(turn, ended('', { signal: 'SIGSEGV', lines: 0 }));
  await context.settle();
  expect(context.answers(pull)[0]).toContain(
    '### ❌ `api-1`: ended by SIGSEGV after SPAN\n\n`./crash`\n\n<sub>',
  );
});

test('an agent of the version before knows no command lines, and the answer says how it learns them', async () => {
  const { pull, turn } = await run('ls');
  const said = 'this node knows no coding agent called shell';
  const failure = { code: 'no-coding-agent', said } as const;
  await context.happens(turn, { kind: 'ended', outcome: 'failed', answer: '', failure });
  await context.settle();
  const [answer = ''] = context.answers(pull);
  expect(answer).toContain('is of an earlier version, which runs no command lines.');
  expect(answer).toContain('Next: `/sam restart api-1`.');
});

test('what runs is on the card, `cancel` ends it, and what it wrote until then is shown', async () => {
  const { pull, turn } = await run('sleep 1000');
  await context.settle();
  expect(context.comments(pull)[0]).toContain('🤖 `sleep 1000` runs');
  await context.say('/sam cancel', 'bob', pull);
  expect(context.nodes.turns.get(`${turn.task}/1`)?.desired).toBe('cancelled');
  const exit = { lines: 1, skipped: 0 };
  await context.happens(turn, { kind: 'ended', outcome: 'cancelled', answer: 'half', exit });
  await context.settle();
  expect(context.answers(pull)[0]).toContain('### ⏹ `api-1`: cancelled after SPAN');
  expect(context.answers(pull)[0]).toContain('```text\nhalf\n```');
});

test('`--timeout` shortens what it may take, and never makes it longer', async () => {
  const pull = await context.newPull();
  await context.github.comment(pull, 'bob', '/sam run --timeout 5m npm run quick');
  expect(await context.asked('npm run quick')).toMatchObject({ minutes: 5 });
  await context.github.comment(pull, 'bob', '/sam run --timeout 2d npm run slow');
  expect(await context.asked('npm run slow')).toMatchObject({ minutes: 60, turn: 2 });
});

test('it takes the right to write, and does not count among what was asked of coding agents', async () => {
  const pull = await context.newPull();
  await context.say('/sam run env', 'eve', pull);
  const { sql } = context.place;
  expect(await sql`select from task_turns where prompt = 'env'`).toHaveLength(0);
  await context.leaveKey('bob');
  await context.place
    .sql`insert into task_turns (task_id, turn, workspace_id, actor, source, delivery_id, prompt, policy, minutes, ended_at)
    select task_id, turn + n * 100, workspace_id, actor, source, delivery_id || n, prompt, policy, minutes, now()
      from task_turns, generate_series(1, 40) n where prompt = 'npm run quick'`;
  await context.github.comment(pull, 'bob', '/sam ask is it allowed?');
  expect(await context.asked('is it allowed?')).toMatchObject({ agent: 'claude' });
});
