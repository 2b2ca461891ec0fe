// What agents say of their workspaces: what of it is kept, and what reaches the people who read it.
import { describe, expect, test } from 'vitest';
import {
  greet,
  readRow,
  report,
  running,
  settle,
  rows,
  workspace,
  connect,
  hello,
  readNode,
  logged,
} from './hub-context.ts';

describe('what agents say', () => {
  test('of their workspaces is kept, and wakes the reconciler only if it is news', async () => {
    const agent = await greet();
    const before = (await readRow())['gen'] as number;
    agent.say(report(running({ phase: 'preparing', step: 'clone' })));
    await settle(agent);
    expect(await readRow()).toMatchObject({ gen: before + 1, reported: { step: 'clone' } });
    agent.say(report(running({ phase: 'preparing', step: 'clone' })));
    await settle(agent);
    expect((await readRow())['gen']).toBe(before + 1);
  });

  test.each([
    ['slow by a year', -365 * 24 * 3600_000],
    ['fast by a year', 365 * 24 * 3600_000],
  ])('of people’s activity is right with a clock that is %s', async (_name, skew) => {
    await rows.sql`update workspaces set last_activity_at = now() - interval '1 hour' where id = ${workspace.id}`;
    const agent = await connect();
    const now = Date.now() + skew;
    agent.say({ ...hello(running({ activityAt: now - 60_000 })), now });
    await agent.hear();
    const ago = Date.now() - (await readRow())['last_activity_at'].getTime();
    expect(ago).toBeGreaterThan(59_000);
    expect(ago).toBeLessThan(70_000);
  });

  test('of activity is never in the future', async () => {
    await rows.sql`update workspaces set last_activity_at = now() - interval '1 hour' where id = ${workspace.id}`;
    const agent = await greet();
    agent.say(report(running({ activityAt: Date.now() + 3600_000 })));
    await settle(agent);
    expect((await readRow())['last_activity_at'].getTime()).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test('in log lines is kept with our time, then they may forget it; strangers’ lines are dropped', async () => {
    const elsewhere = await rows.addWorkspace();
    const agent = await connect();
    const now = Date.now() - 3600_000;
    agent.say({ ...hello(), now });
    await agent.hear();
    const line = (id: string, text: string) => ({ workspace: id, at: now, step: 'clone', text });
    agent.say({ type: 'log', id: 7, lines: [line(workspace.id, 'mine'), line(elsewhere.id, 'theirs')] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 7 });
    const kept =
      await rows.sql`select text, at from logs where workspace_id in ${rows.sql([workspace.id, elsewhere.id])}`;
    expect(kept.map((row) => row['text'])).toEqual(['mine']);
    expect(Math.abs(Date.now() - kept[0]!['at'].getTime())).toBeLessThan(10_000);
  });

  test('of their load is kept between 0 and 1', async () => {
    const agent = await greet();
    agent.say({ ...report(), load: { cpu: 1.7, memory: 0.25 } });
    await settle(agent);
    expect((await readNode())['load']).toEqual({ cpu: 1, memory: 0.25 });
  });

  test('if it is junk, it is dropped and logged, and the connection goes on', async () => {
    const agent = await greet();
    const junk = [
      'no json',
      '{}',
      '[]',
      'null',
      '{"type":"desired","all":true,"workspaces":[]}',
      JSON.stringify({ ...report(running()), now: 1e300 }),
      JSON.stringify(report({ ...running(), run: -1 })),
      JSON.stringify(report({ ...running(), id: '../../etc' })),
      JSON.stringify(report({ ...running(), phase: 'queued' as 'running' })),
      JSON.stringify({ ...report(), workspaces: Array.from({ length: 1001 }, () => running()) }),
    ];
    for (const text of junk) agent.say(text);
    agent.socket.send(Buffer.from([0, 1, 2]));
    await settle(agent);
    expect(logged).toHaveLength(junk.length + 1);
    expect((await readRow())['reported']).toBeNull();
  });

  test('with letters that a database cannot hold is kept without them', async () => {
    const agent = await greet();
    const text = 'a\0b\ud800c';
    agent.say(report(running({ phase: 'failed', failure: { class: 'internal', message: text } })));
    agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
    expect((await readRow())['reported'].failure.message).toBe('ab\ufffdc');
  });

  test('of colours, titles and moves tells the terminal of whoever reads it nothing', async () => {
    const agent = await greet();
    const text =
      'a\u001b[31mred\u001b[0m\u001b]0;title\u0007\u001b]52;c;cm0gLXJm\u001b\\\u001b[2J\u009b2J\r\u202ebc\n\td\u001b]8;;x';
    agent.say(report(running({ phase: 'failed', failure: { class: 'internal', message: text } })));
    agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
    expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
    expect((await readRow())['reported'].failure.message).toBe('ared2Jbc\n\td]8;;x');
  });

  test.each(['\u001b]', '\u001b[', '\u001b[1;', '\u009b1;', '\u001b]a;', '\u001bP'])(
    'of %j for a megabyte takes no time',
    async (piece) => {
      const agent = await greet();
      const text = piece.repeat((1 << 20) / piece.length);
      const startedAt = performance.now();
      agent.say({ type: 'log', id: 1, lines: [{ workspace: workspace.id, at: 1, step: 'x', text }] });
      expect(await agent.hear()).toEqual({ type: 'logged', id: 1 });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    },
  );

  test('is answered in the order in which it was said, however much it is', async () => {
    const agent = await greet();
    const count = 200;
    for (let id = 0; id < count; id++) agent.say({ type: 'log', id, lines: [] });
    for (let id = 0; id < count; id++) expect(await agent.hear()).toEqual({ type: 'logged', id });
  });

  test('beyond 4 MiB in one message ends the connection', async () => {
    const agent = await greet();
    agent.say('x'.repeat((4 << 20) + 1));
    expect(await agent.closed).toBe(1009);
  });
});
