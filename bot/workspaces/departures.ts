// What happens to workspaces when the app by which people reach Sam is taken away from where they were made: they are told, and
// go after a grace, unless it is back by then. Knows no vendor.
import type { Logger } from 'pino';
import type { Notice } from '../codes.ts';
import type { Executor } from '../database/types.ts';
import { messageOf } from '../errors.ts';
import { retireWorkspaces } from './cleanup.ts';
import { forgetDeparture, listDepartures, noteDeparture, type Departure } from './store/departures.ts';
import { readClock } from './store/reconciled.ts';
import { changeWorkspace } from './store/workspace-changes.ts';
import { listWanted, type WantedAt } from './store/workspaces.ts';
import { isPast, later } from './timing.ts';

/** Long enough for a weekend's mistake. */
const GRACE_MS = 72 * 60 * 60_000;

export interface Left extends Departure {
  /** As people call it. */
  where: string;
  at: WantedAt;
}

/** Whoever was let in is out at once; what runs goes on until it is idle. What somebody starts afterwards is theirs. May be repeated. */
export async function leave(tx: Executor, { front, place, where, at }: Left): Promise<void> {
  const since = await noteDeparture(tx, { front, place });
  const notice: Notice = {
    code: 'app-left',
    details: { where, until: later(since, GRACE_MS).toISOString() },
  };
  for (const workspace of await listWanted(tx, { ...at, since })) {
    const said = workspace.notice ?? [];
    if (!said.some(isLeaving)) await changeWorkspace(tx, workspace, { notice: [...said, notice] }, true);
  }
}

const isLeaving = ({ code }: Notice): boolean => code === 'app-left';

export async function comeBack(tx: Executor, { at, ...departure }: Left): Promise<void> {
  if (!(await forgetDeparture(tx, departure))) return;
  for (const workspace of await listWanted(tx, at)) {
    const said = workspace.notice ?? [];
    const left = said.filter((notice) => !isLeaving(notice));
    if (left.length < said.length)
      await changeWorkspace(tx, workspace, { notice: left.length > 0 ? left : null });
  }
}

export interface DepartureWatch {
  db: Executor;
  front: string;
  /** Of the places those alone that begin so. */
  below?: string;
  describe: (place: string) => Left;
  /** Asks the vendor. Throws where that cannot say. */
  isBack: (place: string) => Promise<boolean>;
  log: Logger;
}

/** For a sweep. In doubt nothing goes; one place that cannot be asked about holds up no other. Throws then, after the last. */
export async function lookAtDepartures(watch: DepartureWatch): Promise<void> {
  const { db, front, below, log } = watch;
  const now = await readClock(db);
  const errors: string[] = [];
  for (const { place, since } of await listDepartures(db, front, below))
    await look(watch, place, { since, now }).catch((error: unknown) =>
      errors.push(`${place}: ${messageOf(error)}`),
    );
  if (errors.length === 0) return;
  log.warn({ errors: errors.slice(0, 5) }, 'nobody can say whether the app is back there');
  // Without their names: /readyz, which everybody may read, says why.
  throw new Error(`${errors.length} places that the app was taken away from could not be asked about`);
}

async function look(
  { db, describe, isBack, log }: DepartureWatch,
  place: string,
  { since, now }: { since: Date; now: Date },
): Promise<void> {
  const left = describe(place);
  if (await isBack(place)) return db.transaction((tx) => comeBack(tx, left));
  if (!isPast(later(since, GRACE_MS), now)) return;
  const why: Notice = { code: 'app-gone', details: { where: left.where } };
  const stopped = await db.transaction(async (tx) =>
    (await forgetDeparture(tx, left)) ? retireWorkspaces(tx, { ...left.at, since }, why) : 0,
  );
  log.warn({ place, stopped }, 'the app was taken away there, and did not come back');
}
