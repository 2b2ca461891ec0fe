// POST /agent/boot: what a machine says of its own boot, long before its agent can. A failed step fails the node at once;
// every line is shown to those whose workspaces wait for it. Whatever is wrong with the token: the same 404.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { findBootingNode } from '../access/machines/bootstrap.ts';
import { fail, readJson, sendJson, type Route } from '../http/routes.ts';
import type { Executor } from '../database/types.ts';
import { noteBootStep } from '../workspaces/store/logs.ts';

const MAX_BODY_BYTES = 8 * 1024;

/** Of boot/boot.py. Postgres stores neither NUL nor half a character. */
const reportShape = z.object({
  step: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  ok: z.boolean(),
  message: z
    .string()
    .max(4_000)
    .transform((text) =>
      text
        .toWellFormed()
        .replaceAll(/\p{Cc}+|\s+/gu, ' ')
        .trim(),
    ),
});

export function bootReportRoutes({ db }: { db: Executor }): Route[] {
  return [{ method: 'POST', path: '/agent/boot', handle: (req, res) => take(db, req, res) }];
}

async function take(db: Executor, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const node = await findBootingNode(db, req.headers.authorization);
  if (node === undefined) return fail(res, 404, 'not-found', 'Not found.');
  const report = reportShape.safeParse(await readJson(req, MAX_BODY_BYTES));
  if (!report.success) return fail(res, 400, 'bad-request', 'Send {"step", "ok", "message"}.');
  await noteBootStep(db, node, report.data);
  sendJson(res, 200, { ok: true });
}
