// What the making of a workspace wrote, for its page: the newest of it, on from the line that was heard last, and what came before it.
// Shows no other way how the workspace stands.
import { redact } from '../../../agent/redact.ts';
import { notFound, refuse } from '../../access/terminal-token.ts';
import type { Executor } from '../../database/types.ts';
import { sendJson, type Route } from '../../http/routes.ts';
import { readLogs } from '../../workspaces/store/logs.ts';
import { findVisitor, type VisitorOptions } from './visitors.ts';

export interface Written {
  /** Oldest first; colours as a terminal has them are still in it. */
  lines: { id: number; at: string; step: string; text: string }[];
  /** It does not go on with what was heard before. */
  isNew: boolean;
  /** There is more before the first of them. */
  hasOlder: boolean;
}

const MAX_LINES = 300;
const MAX_CHARACTERS = 128 * 1024;

/** `after`: what was heard last. Who has missed more than is told at once begins anew with the newest. */
export async function readWritten(
  db: Executor,
  workspace: string,
  where: { after?: number | undefined; before?: number | undefined },
): Promise<Written> {
  const found = await readLogs(db, workspace, MAX_LINES + 1, where);
  const lines = fit(found.slice(-MAX_LINES));
  const isCut = lines.length < found.length;
  return {
    lines: lines.map(({ id, at, step, text }) => ({ id, at: at.toISOString(), step, text: redact(text) })),
    isNew: where.after === undefined || isCut,
    hasOlder: isCut,
  };
}

/** The newest of them, as many as a phone is told at once. */
function fit<Line extends { text: string }>(lines: Line[]): Line[] {
  let left = MAX_CHARACTERS;
  const first = lines.findLastIndex(({ text }) => (left -= text.length) < 0);
  return lines.slice(first + 1);
}

/** A line's number, as it was told; undefined: it is none. */
export const readLineId = (said: string | null | undefined): number | undefined =>
  /^\d{1,15}$/.test(said ?? '') ? Number(said) : undefined;

/** What was written before a line, or the newest: a page asks for it, and nobody listens. */
export const logRoute = (options: VisitorOptions): Route => ({
  method: 'GET',
  path: '/w/:workspace/log',
  async handle(req, res, { workspace = '' }) {
    const visitor = await findVisitor(options, req, workspace);
    if ('refusal' in visitor) return refuse(res, visitor.refusal);
    if (visitor.entry.is !== 'owner') return refuse(res, notFound);
    const before = readLineId(URL.parse(req.url ?? '', 'http://localhost')?.searchParams.get('before'));
    sendJson(res, 200, await readWritten(options.db, workspace, { before }));
  },
});
