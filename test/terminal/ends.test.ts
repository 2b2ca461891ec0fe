// The end of a workspace's sessions where something is in its way: what holds their terminals, or what happened while the agent was away.
import { expect, test } from 'vitest';
import { createOutput } from '../../agent/sessions/output.ts';
import { LOST, type Ptys, type SessionPty } from '../../agent/sessions/pty.ts';
import type { KeptSession } from '../../agent/sessions/workspace-sessions.ts';
import { attach, open, startNode, until } from './node.ts';

const nothing = () => {};
const gone: SessionPty = {
  pid: 0,
  started: Promise.resolve(),
  pause: nothing,
  resume: nothing,
  resize: nothing,
  write: () => true,
  close: nothing,
  relabel: nothing,
};

test('a stop does not wait for a session that never begins', async () => {
  const stuck: Ptys = {
    open: ({ onEnd }) => ({ ...gone, started: new Promise(nothing), close: () => onEnd(LOST) }),
    warm: nothing,
  };
  await using node = await startNode({ ptys: stuck });
  await open(await attach(node));
  let isOver = false;
  void node.terminals.endWorkspace('ws-a').then(() => (isOver = true));
  await until(() => isOver, 'the end');
  expect(node.terminals.sessions('ws-a')).toEqual([]);
});

test('a stop does not keep what ended while the agent was away, though nobody has looked at it', async () => {
  await using node = await startNode();
  const kept: KeptSession = {
    ...createOutput([{ at: 0, cols: 80, rows: 24 }]),
    label: JSON.stringify({ workspace: 'ws-a', id: 'one', name: '1' }),
    status: { code: 7 },
    takeOver(listening) {
      setImmediate(() => listening.onEnd({ code: 7 }));
      return gone;
    },
    end: nothing,
  };
  await node.terminals.takeOver([kept]);
  expect(node.terminals.sessions('ws-a')).toMatchObject([{ id: 'one' }]);
  await node.terminals.endWorkspace('ws-a');
  expect(node.terminals.sessions('ws-a')).toEqual([]);
});
