// What happened to a workspace, and what its making wrote, for programs. Changes nothing.
import type { z } from 'zod';
import { redact, withoutColours } from '../../../agent/redact.ts';
import type { Executor, Workspace as Row } from '../../database/types.ts';
import type { KnownFailure } from '../../codes.ts';
import { listLogs, readLastLogs, type LoggedLine } from '../../workspaces/store/logs.ts';
import { listEvents, readLastEvents, type Noted } from '../../workspaces/store/events.ts';
import { createStreams, type Streams } from '../streams.ts';
import { createSay, TRIGGER, wordFailure } from '../wording.ts';
import { told, type Followed } from './following.ts';
import type { Operation } from './operation.ts';
import { LogLineList, WorkspaceEvent, WorkspaceEventList } from './schemas.ts';

const ONE = '/api/workspaces/:id';

/** `find`: whose it is; what was typed and written there is for nobody else. */
export function createStories(
  db: Executor,
  find: NonNullable<Operation['find']>,
): { operations: Operation[]; streams: Streams[] } {
  const events = createStreams({
    name: 'listeners to events',
    readVersions: (keys) => readLastEvents(db, keys),
  });
  const logs = createStreams({ name: 'listeners to logs', readVersions: (keys) => readLastLogs(db, keys) });
  return {
    streams: [events, logs],
    operations: [
      {
        ...SHARED,
        id: 'listWorkspaceEvents',
        path: `${ONE}/events`,
        summary: 'What happened to a workspace, oldest first; as server-sent events it goes on.',
        answers: { status: 200, schema: WorkspaceEventList },
        find,
        ...told((call) => eventsOf(db, call.found as Row), events),
      },
      {
        ...SHARED,
        id: 'listWorkspaceLogs',
        path: `${ONE}/logs`,
        summary: 'What the making of a workspace wrote, oldest first; as server-sent events it goes on.',
        answers: { status: 200, schema: LogLineList },
        find,
        ...told((call) => logsOf(db, call.found as Row), logs),
      },
    ],
  };
}

const SHARED = { for: 'person', method: 'GET', refusals: [404] } as const;

const eventsOf = (db: Executor, { id, name }: Row): Followed<Noted> => ({
  key: id,
  event: 'workspace',
  list: (which) => listEvents(db, id, which),
  seqOf: ({ id: seq }) => seq,
  most: Number.MAX_SAFE_INTEGER,
  itemOf: (row) => describeEvent(row, name),
});

const logsOf = (db: Executor, { id }: Row): Followed<LoggedLine> => ({
  key: id,
  event: 'log',
  list: (which) => listLogs(db, id, which),
  seqOf: ({ id: seq }) => seq,
  most: Number.MAX_SAFE_INTEGER,
  itemOf: describeLine,
});

export const describeLine = ({ id, at, step, text }: LoggedLine) => ({
  id: String(id),
  at: at.toISOString(),
  step,
  text: withoutColours(redact(text)),
});

export function describeEvent({ id, at, type, data }: Noted, name: string): z.infer<typeof WorkspaceEvent> {
  const { phase, step, error, actor, line } = data as {
    phase?: string;
    step?: string | null;
    error?: KnownFailure | null;
    actor?: string;
    line?: string;
  };
  return {
    id: String(id),
    at: at.toISOString(),
    kind: type,
    ...(phase !== undefined && { phase }),
    ...(step && { step }),
    ...(error && {
      failure: { error: error.code, message: redact(wordFailure(error, name, createSay(TRIGGER)).text) },
    }),
    ...(actor !== undefined && { by: actor }),
    ...(line !== undefined && { line: redact(line) }),
  };
}
