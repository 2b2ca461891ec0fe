// Whether people use what a workspace serves, which keeps it from stopping for idleness. Browsers say which requests a hand made. What a
// page asks by itself counts for one idle time after that: a tab that nobody looks at keeps nothing for ever. Knows no row's column.
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import type { Workspace } from '../database/types.ts';
import { messageOf } from '../errors.ts';

export interface UseOptions {
  /** How long it may be idle before it stops, in milliseconds; Infinity: for ever. */
  idleMsOf: (workspace: Workspace) => number;
  /** It is used now. */
  keep: (workspace: Workspace) => Promise<void>;
  /** How often that is said at most. */
  everyMs: number;
  now?: () => number;
}

/** Of a request, or what is to become a WebSocket, that was let in. */
export type NoteUse = (workspace: Workspace, headers: IncomingHttpHeaders) => void;

interface Used {
  /** When somebody came by hand. Forgotten with the bot: then their pages keep nothing until they come again. */
  cameAt: number;
  saidAt: number;
}

const MAX_KEPT = 5_000;

export function createUse(
  { idleMsOf, keep, everyMs, now = Date.now }: UseOptions,
  log: Pick<Logger, 'warn'>,
): NoteUse {
  const used = new Map<string, Used>();
  return (workspace, headers) => {
    const at = now();
    const before = used.get(workspace.id);
    const cameAt = isByHand(headers) ? at : before?.cameAt;
    if (cameAt === undefined || at - cameAt > idleMsOf(workspace)) return;
    const isSaid = before !== undefined && at - before.saidAt < everyMs;
    used.delete(workspace.id);
    used.set(workspace.id, { cameAt, saidAt: isSaid ? before.saidAt : at });
    const [oldest] = used.keys();
    if (used.size > MAX_KEPT && oldest !== undefined) used.delete(oldest);
    if (isSaid) return;
    keep(workspace).catch((error: unknown) =>
      log.warn({ workspace: workspace.id, error: messageOf(error) }, 'a visit could not be noted'),
    );
  };
}

/** A click, a line in the address bar, a form: pages cannot send it, and what reloads by itself has it not (Fetch Metadata, 2.4). */
const isByHand = (headers: IncomingHttpHeaders): boolean =>
  headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-user'] === '?1';
