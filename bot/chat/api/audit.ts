// Who did what, for programs: page by page, or all of it as lines of JSON. Everybody reads what they did and what was done to what is
// theirs; those who run Sam read all. Changes nothing.
import type { z } from 'zod';
import { listAudit, type Audited, type AuditFilter } from '../../access/store/audit.ts';
import { findUserId } from '../../access/store/people.ts';
import type { Executor } from '../../database/types.ts';
import { readCount, writeCount } from './cursors.ts';
import type { Call, Caller, Operation } from './operation.ts';
import { AuditEntry, AuditList, AuditQuery, limitOf } from './schemas.ts';

const LIST = { key: 'audit', most: Number.MAX_SAFE_INTEGER };
/** As many at once, where all are asked for. */
const PIECE = 500;

type Asked = z.infer<typeof AuditQuery>;

export const auditOperation = (db: Executor): Operation => ({
  id: 'listAudit',
  method: 'GET',
  path: '/api/audit',
  summary:
    'Who did what, newest first: what is yours, or all for those who run Sam. As lines of JSON it is all at once.',
  for: 'person',
  query: AuditQuery,
  answers: { status: 200, schema: AuditList },
  refusals: [],
  async run({ caller, query }) {
    const asked = query as Asked;
    const limit = limitOf(asked);
    const rows = await listAudit(db, await filterOf(db, caller, asked), {
      ...cursorOf(asked),
      limit: limit + 1,
    });
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    const items = rows.slice(0, limit).map(describe);
    return { status: 200, body: { items, next: last ? writeCount(LIST.key, last.id) : null } };
  },
  // Once lines are sent nothing is refused any more.
  lines: (call) => linesOf(db, call, cursorOf(call.query as Asked)),
});

async function* linesOf(
  db: Executor,
  { caller, query }: Call,
  first: { before?: number },
): AsyncGenerator<object> {
  const asked = query as Asked;
  const filter = await filterOf(db, caller, asked);
  let left = asked.limit === undefined ? Infinity : Number(asked.limit);
  let from = first;
  while (left > 0) {
    const rows = await listAudit(db, filter, { ...from, limit: Math.min(PIECE, left) });
    for (const row of rows) yield describe(row);
    const last = rows.at(-1);
    if (!last || rows.length < PIECE) return;
    from = { before: last.id };
    left -= rows.length;
  }
}

function cursorOf({ cursor }: Asked): { before?: number } {
  const before = readCount(LIST, cursor);
  return before === 0 ? {} : { before };
}

/** Whoever is called so: nobody is nobody's id. */
async function filterOf(
  db: Executor,
  caller: Caller,
  { who, workspace, since }: Asked,
): Promise<AuditFilter> {
  const isAll = await caller.isAdmin();
  return {
    of: isAll ? undefined : caller.user,
    actor: who === undefined ? undefined : ((await findUserId(db, who)) ?? ''),
    workspace,
    since: since === undefined ? undefined : new Date(since),
  };
}

const describe = ({ id, at, actor, name, workspaceId, ...row }: Audited): z.infer<typeof AuditEntry> => ({
  id: String(id),
  at: at.toISOString(),
  by: actor,
  name,
  workspace: workspaceId,
  ...row,
});
