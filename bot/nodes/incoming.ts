// What agents say: it goes into rows. Decides nothing, and knows no socket but to close it.
import { AGENT_PROTOCOL_VERSION, type AgentMessage } from '../../agent/protocol.ts';
import { CloseCode, enqueue, send, type Connection, type State } from './connections.ts';
import { answerGit } from './git-tokens.ts';
import { answerKey } from './model-keys.ts';
import { parseAgentMessage } from './messages.ts';
import { tell } from './outgoing.ts';
import { addCommandEnd } from '../push/push-store.ts';
import { savePushed } from '../tasks/store/proposals.ts';
import { saveTaskEvents } from '../tasks/store/events.ts';
import { saveLogs } from '../workspaces/store/logs.ts';
import { saveHello, saveLoad } from '../workspaces/store/node-changes.ts';
import { readClock } from '../workspaces/store/reconciled.ts';
import { saveReport } from '../workspaces/store/workspace-changes.ts';

const ACTIVITY_EVERY_MS = 30_000;
/** Messages of one agent that wait for the database before its socket has to wait too. */
const MAX_WAITING = 32;

export function receive(state: State, connection: Connection, data: string): void {
  const message = parseAgentMessage(data, (count) =>
    connection.log.warn({ count }, 'what the agent said of some workspaces nobody understands'),
  );
  if (!message) {
    connection.log.warn({ bytes: data.length }, 'the agent said something that nobody understands');
    return;
  }
  // It asks a vendor: what else the agent has to say does not wait for that.
  if (message.type === 'git-token') {
    if (!connection.hasSaidHello) return unexpected(connection, message);
    void answerGit(state.options, connection, message).then((answer) => send(connection, answer));
    return;
  }
  if (message.type === 'credential') {
    if (!connection.hasSaidHello) return unexpected(connection, message);
    void answerKey(state.options, connection, message).then((answer) => send(connection, answer));
    return;
  }
  if (++connection.waiting === MAX_WAITING) connection.socket.pause();
  void enqueue(state, connection, () => handle(state, connection, message)).then(() => {
    if (connection.waiting-- === MAX_WAITING) connection.socket.resume();
  });
}

async function handle(
  state: State,
  connection: Connection,
  message: Exclude<AgentMessage, { type: 'git-token' | 'credential' }>,
): Promise<void> {
  switch (message.type) {
    case 'hello':
      return handleHello(state, connection, message);
    case 'report':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      if (message.load) await saveLoad(state.options.db, connection.node, message.load);
      // What the agent brings up may be a workspace whose row is deleted, and then it has to hear so.
      if (await saveReports(state, connection, message)) await tell(state, connection, false);
      return;
    case 'log':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      await saveLogs(state.options.db, connection.node, message.lines, connection.clockOffsetMs);
      return send(connection, { type: 'logged', id: message.id });
    case 'task-events':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      for (const stored of await saveTaskEvents(state.options.db, connection.node, message.events))
        send(connection, { type: 'task-events-stored', ...stored });
      return;
    case 'command-ended':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      return addCommandEnd(state.options.db, connection.node, message);
    case 'pushed':
      if (!connection.hasSaidHello) return unexpected(connection, message);
      return savePushed(state.options.db, connection.node, message);
  }
}

function unexpected(connection: Connection, { type }: AgentMessage): void {
  connection.log.warn({ type }, 'the agent spoke before it said hello');
}

async function handleHello(
  state: State,
  connection: Connection,
  hello: AgentMessage & { type: 'hello' },
): Promise<void> {
  if (hello.protocol !== AGENT_PROTOCOL_VERSION)
    connection.log.warn({ version: hello.version, protocol: hello.protocol }, 'an agent of another version');
  // Any other node has no say in where we connect to.
  const terminalPort = connection.isPiped ? (hello.terminalPort ?? null) : null;
  const node = await saveHello(state.options.db, connection.node, { version: hello.version, terminalPort });
  if (!node) return connection.socket.close(CloseCode.POLICY, 'the node is deleted');
  connection.hasSaidHello = true;
  connection.reported.clear();
  await saveReports(state, connection, hello);
  await tell(state, connection, true);
}

/** True if there is a workspace among them that this agent had not spoken of. */
async function saveReports(
  { options }: State,
  connection: Connection,
  message: AgentMessage & { type: 'hello' | 'report' },
): Promise<boolean> {
  const { db, activityEveryMs: everyMs = ACTIVITY_EVERY_MS } = options;
  const now = (await readClock(db)).getTime();
  const known = connection.reported.size;
  connection.clockOffsetMs = now - message.now;
  for (const report of message.workspaces) {
    const { id, phase, activityAt } = report;
    if (phase === 'deleted') connection.reported.delete(id);
    else connection.reported.add(id);
    // The agent's clock may be off by years: only how long ago it was is believed.
    const at = activityAt === undefined ? null : new Date(now - Math.max(0, message.now - activityAt));
    await saveReport(db, connection.node, report, { at, everyMs });
  }
  return connection.reported.size > known;
}
