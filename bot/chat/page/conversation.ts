// What is told on a workspace's page of the work of coding agents: turns as they stand, and what happened since a page heard last.
// Knows no HTTP.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { redact } from '../../../agent/redact.ts';
import { findCodingAgents } from '../../access/credentials/credentials-store.ts';
import { isCurrent } from '../../access/rights.ts';
import { PAGE } from '../../access/store/places.ts';
import { signInEnded } from '../../access/terminal-token.ts';
import type { RefusalCodes, Said } from '../../codes.ts';
import type { Answer, Executor, Workspace } from '../../database/types.ts';
import {
  listHappened,
  listNewest,
  listTurns,
  readSeqs,
  type Happened,
  type ToldTurn,
} from '../../tasks/store/history.ts';
import { openQuestions } from '../../tasks/turn.ts';
import { listRefused } from '../store/live.ts';
import { turnViewOf } from '../turn-view.ts';
import { wordChanges, wordRefusal, wordTurnFailure, type Say } from '../wording.ts';
import { outputPath } from './output.ts';
import type { Visitor, VisitorOptions } from './visitors.ts';

/** Of a turn, as its page shows it; commands in sentences stand between backticks. */
interface TurnToTell {
  task: string;
  turn: number;
  /** In the order in which they were asked. */
  order: number;
  by: string;
  /** Of the press that asked it, where that was one of this page. */
  key?: string;
  prompt: string;
  state: ToldTurn['state'];
  isEnding: boolean;
  at: string;
  plan: { label: string; state: string }[];
  questions: { request: string; number: number; title: string }[];
  decisions: { request: string; decision: string; by: string }[];
  answer: string;
  failure?: string;
  changes?: { text: string; files: { path: string; added: number; removed: number }[] };
  cost?: string;
  elapsedMs?: number;
}

export interface Told {
  /** Where the next one goes on. */
  id: string;
  /** It is not what goes on with what was told before. */
  isNew: boolean;
  /** There is something to ask here, or something was asked. */
  isShown: boolean;
  /** Why nothing can be asked now. */
  why?: string;
  /** Their presses that came to nothing of late, and why. */
  refused: { key: string; text: string }[];
  turns: TurnToTell[];
  happened: { task: string; turn: number; seq: number; event: object }[];
  hasOlder: boolean;
  /** There is more to tell, at once. */
  isMore: boolean;
}

const MAX_TURNS = 20;
const MAX_HAPPENED = 600;
const MAX_REFUSED = 20;

/** What a page has heard: of each turn a hash of how it stood, of each task its last event. */
const Cursor = z.object({
  turns: z.record(z.string(), z.string()),
  seqs: z.record(z.string(), z.int32()),
});
type Cursor = z.infer<typeof Cursor>;

export function readTasksCursor(id: string | undefined): Cursor | undefined {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(id ?? '', 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

type Options = VisitorOptions & { say: Say };

/** `before`: what was asked before that one, and nothing of how it stands now. */
export async function readConversation(
  options: Options,
  visitor: Visitor,
  asked: { cursor?: Cursor | undefined; before?: number | undefined },
): Promise<Told> {
  const { db, say } = options;
  const { workspace } = visitor;
  const { before } = asked;
  const found = await listTurns(db, { workspace: workspace.id }, { limit: MAX_TURNS + 1, before });
  const turns = found.slice(-MAX_TURNS);
  const hasOlder = found.length > MAX_TURNS;
  const cursor = hasOlder && !knowsAny(asked.cursor, turns) ? undefined : asked.cursor;
  const seqs = await readSeqs(db, [...new Set(turns.map(({ taskId }) => taskId))]);
  const { happened, isMore } = cursor
    ? await readSince(db, cursor, seqs)
    : { happened: await listNewest(db, turns, { limit: MAX_HAPPENED, upTo: seqs }), isMore: false };
  const told = turns.map((turn) => toTell(turn, workspace, say));
  const hashes = new Map(told.map((one) => [keyOf(one), hashOf(one)]));
  return {
    id: writeCursor({ turns: Object.fromEntries(hashes), seqs: Object.fromEntries(seqs) }),
    isNew: cursor === undefined,
    isShown: told.length > 0 || workspace.fork === null,
    ...(await readComposer(options, visitor)),
    turns: told.filter((one) => cursor?.turns[keyOf(one)] !== hashes.get(keyOf(one))),
    happened: happened.filter((one) => isShown(one, hashes)).map(pick),
    hasOlder,
    isMore,
  };
}

/** Between what was heard and the newest there would be a gap, where it knows none of them. */
const knowsAny = (cursor: Cursor | undefined, turns: readonly ToldTurn[]): boolean =>
  turns.some(({ taskId, turn }) => cursor?.turns[keyOf({ task: taskId, turn })] !== undefined);

const writeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');
const keyOf = ({ task, turn }: { task: string; turn: number }): string => `${task}/${turn}`;
const hashOf = (value: object): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 8);

const KINDS: ReadonlySet<string> = new Set(['text', 'tool', 'question', 'decided']);
const isShown = ({ taskId, turn, event }: Happened, shown: ReadonlyMap<string, string>): boolean =>
  KINDS.has(event.kind) && shown.has(keyOf({ task: taskId, turn }));
const pick = ({ taskId, turn, seq, event }: Happened): Told['happened'][number] => ({
  task: taskId,
  turn,
  seq,
  event: { ...event },
});

/** Changes `seqs` to what was read of each. */
async function readSince(
  db: Executor,
  cursor: Cursor,
  seqs: Map<string, number>,
): Promise<{ happened: Happened[]; isMore: boolean }> {
  const happened: Happened[] = [];
  let isMore = false;
  for (const [task, seq] of seqs) {
    const after = cursor.seqs[task] ?? 0;
    if (seq <= after) continue;
    const rows = await listHappened(db, task, { after, limit: MAX_HAPPENED });
    // What is known without being kept has been told all the same.
    const isFull = rows.length === MAX_HAPPENED;
    seqs.set(task, isFull ? (rows.at(-1)?.seq ?? seq) : Math.max(seq, rows.at(-1)?.seq ?? 0));
    isMore ||= isFull;
    happened.push(...rows);
  }
  return { happened, isMore };
}

function toTell(turn: ToldTurn, workspace: Workspace, say: Say): TurnToTell {
  const { failure, changes, source, deliveryId, progress } = turn;
  const { answer, elapsedMs, cost } = turnViewOf({ turn, workspace }, { outputAt: outputPath });
  return {
    task: turn.taskId,
    turn: turn.turn,
    order: turn.seq,
    by: turn.by,
    ...(source === PAGE && { key: pressOf(deliveryId) }),
    prompt: turn.prompt,
    state: turn.state,
    isEnding: turn.desired === 'cancelled' && turn.endedAt === null,
    at: turn.createdAt.toISOString(),
    plan: (progress.plan ?? []).map(({ content, status }) => ({ label: content, state: status })),
    questions: openQuestions(turn).map(({ request, number, title }) => ({ request, number, title })),
    decisions: turn.decisions.map(({ request, decision, by }) => ({ request, decision, by })),
    answer,
    ...(failure && { failure: redact(wordTurnFailure(failure, workspace.name, say, turn.agent).text) }),
    ...(changes && { changes: { text: wordChanges(changes), files: changes.files } }),
    ...(cost !== undefined && { cost }),
    ...(elapsedMs !== undefined && { elapsedMs }),
  };
}

const pressOf = (deliveryId: string): string => deliveryId.split(':').at(-1) ?? '';

/** Presses of this page alone: others hear elsewhere what came of theirs. */
export const tasksThread = (workspace: string): string => `${PAGE}-tasks:${workspace}`;

async function readComposer(
  options: Options,
  { workspace, session, entry }: Visitor,
): Promise<Pick<Told, 'why' | 'refused'>> {
  const { db, say } = options;
  const which = { thread: tasksThread(workspace.id), user: session.user, limit: MAX_REFUSED };
  const refused = (await listRefused(db, PAGE, which)).map(({ deliveryId, answer }) => ({
    key: pressOf(deliveryId),
    text: wordAnswer(answer, say),
  }));
  if (!isCurrent(session, workspace))
    return { why: signInEnded(options, { workspace: workspace.id }).message, refused };
  const { name } = workspace;
  if (entry.may === 'view')
    return { why: wordRefusal({ code: 'look-only', details: { name } }, say).text, refused };
  const hasKey = (await findCodingAgents(db, workspace.owner)).length > 0;
  const why = workspace.fork
    ? wordRefusal({ code: 'no-asking-forks', details: { name } }, say).text
    : hasKey
      ? undefined
      : wordRefusal({ code: 'no-model-key', details: {} }, say).text;
  return { ...(why !== undefined && { why }), refused };
}

const wordAnswer = ({ code, details }: Answer, say: Say): string =>
  redact(wordRefusal({ code, details } as Said<RefusalCodes>, say).text);
