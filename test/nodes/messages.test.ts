// What an agent says of work: where it lies is read, made harmless, and nothing that older agents say is lost.
import { expect, test } from 'vitest';
import { parseAgentMessage } from '../../bot/nodes/messages.ts';

const counts = { changed: 1, untracked: 0, unpushed: 0 };

function read(work: object): unknown {
  const workspace = { id: 'ws-abcdefghijkl', phase: 'running', run: 1, sessions: 0, work };
  const message = parseAgentMessage(JSON.stringify({ type: 'report', now: 1, workspaces: [workspace] }));
  return message?.type === 'report' ? message.workspaces[0]?.work : undefined;
}

test('limits are read, and what of them this version does not know is left out', () => {
  const read = (limits: unknown) => {
    const workspace = { id: 'ws-abcdefghijkl', phase: 'running', run: 1, sessions: 0, limits };
    const message = parseAgentMessage(JSON.stringify({ type: 'report', now: 1, workspaces: [workspace] }));
    return message?.type === 'report' ? message.workspaces[0]?.limits : undefined;
  };
  const limits = { memory: 192 * 2 ** 30, processes: 16_384 };
  for (const one of [null, limits]) expect(read(one)).toEqual(one);
  expect(read({ ...limits, reached: ['disk', 'memory'], disk: 1 })).toEqual({
    ...limits,
    reached: ['memory'],
  });
});

test('the places of work are read, and nothing in their names reaches the text around them', () => {
  expect(read(counts)).toEqual(counts);
  const place = { ...counts, where: 'a`<!channel>\n@all/ü', kind: 'later' };
  expect(read({ ...counts, places: [place] })).toEqual({
    ...counts,
    places: [{ ...counts, where: 'a???channel???all/ü', kind: 'repository' }],
  });
});
