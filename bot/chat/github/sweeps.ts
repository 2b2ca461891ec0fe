// What GitHub is asked for every now and then: deliveries that did not reach us, and the threads that workspaces were made for,
// because some are lost for good. Hears nobody.
import type { Logger } from 'pino';
import { messageOf } from '../../errors.ts';
import type { Forge } from '../../forges/forge.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import { redeliverMissed } from '../../forges/github/missed-deliveries.ts';
import { findIssue } from '../../forges/github/threads.ts';
import { retireWorkspaces } from '../../workspaces/cleanup.ts';
import { noteHead } from '../forks.ts';
import { addressOf } from './cards.ts';
import { whyClosed } from './notices.ts';
import type { Executor } from '../../database/types.ts';
import { keepNote, readNote } from '../store/notes.ts';
import { listTopics } from '../../workspaces/store/workspaces.ts';

interface Options {
  db: Executor;
  forge: Forge;
  app: GitHubApp;
  config: { url: string };
  log: Logger;
}

/** In one run: with two calls each that is a tenth of what GitHub allows an installation in an hour. */
const MAX_LOOKED_AT = 250;

/** Stops what closed unheard. One thread that cannot be read stops no other; throws then, after the last. */
export async function lookAtThreads(options: Options): Promise<void> {
  const { db, config, log } = options;
  const host = `${config.url}/`;
  const errors: string[] = [];
  for (const { topic, head } of await listTopics(db, { host, most: MAX_LOOKED_AT }))
    await lookAt(options, topic, head).catch((error: unknown) =>
      errors.push(`${topic}: ${messageOf(error)}`),
    );
  if (errors.length > 0) log.warn({ errors: errors.slice(0, 5) }, 'threads that could not be looked at');
  // Without their names: /readyz, which everybody may read, says why.
  if (errors.length > 0) throw new Error(`${errors.length} threads could not be looked at`);
}

/** Not there, or not for us to see: left alone, because nothing is proven by that. */
async function lookAt({ db, forge, app, log }: Options, topic: string, head: string | null): Promise<void> {
  const address = addressOf(topic);
  const octokit = await app.on(address.repository);
  const issue = octokit && (await findIssue(octokit, address));
  if (!octokit || !issue) return;
  if (issue.isOpen) return head === null ? undefined : noteHead(db, forge, topic, head);
  // What stopped then and is kept for a day has heard of it, and what somebody started afterwards is theirs.
  const place = { topic, ...(issue.closedAt && { since: issue.closedAt }) };
  const stopped = await db.transaction((tx) => retireWorkspaces(tx, place, whyClosed(issue)));
  if (stopped > 0) log.warn({ topic, stopped }, 'it was closed, and no delivery said so');
}

const MISSED = 'github-missed-deliveries';

export async function findMissed({ app, db, log }: Options): Promise<void> {
  const count = await redeliverMissed({
    app,
    recall: () => readNote(db, MISSED),
    remember: (notes) => keepNote(db, MISSED, notes),
  });
  if (count > 0) log.info({ count }, 'GitHub delivers again what did not reach us');
}
