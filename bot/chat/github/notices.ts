// What GitHub tells that is no command: threads that close, labels that go, pushes, repositories that move. What of it is
// written down, in the transaction that ends the request.
import type { Logger } from 'pino';
import type { Notice as CardNotice } from '../../codes.ts';
import { parse } from '../../commands/parser/parse.ts';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Answer, Delivery, Executor } from '../../database/types.ts';
import { messageOf } from '../../errors.ts';
import type { GitHubApp } from '../../forges/github/app.ts';
import type { GitHubConfig } from '../../forges/github/config.ts';
import { readPermission } from '../../forges/github/permissions.ts';
import type { SettingsReader } from '../../forges/github/repository-settings.ts';
import { findIssue } from '../../forges/github/threads.ts';
import { isEnough } from '../../forges/rights.ts';
import { readLabel, type Event } from './events.ts';
import { noticeInstallation } from './installations.ts';
import { retireWorkspaces } from '../../workspaces/cleanup.ts';
import { moveCards, resendSignals } from '../store/cards.ts';
import { moveProposals } from '../../tasks/store/proposals.ts';
import { moveTasks } from '../../tasks/store/turns.ts';
import { wasMisread } from '../store/recent-messages.ts';
import { moveDeparture } from '../../workspaces/store/departures.ts';
import { moveWorkspaces, noteHead, noteVisibility } from '../../workspaces/store/workspace-changes.ts';

interface Options {
  db: Executor;
  app: GitHubApp;
  config: Pick<GitHubConfig, 'url'>;
  settings: SettingsReader;
  log: Logger;
}

type Notice = (tx: Executor) => Promise<Answer | null>;
type Of<Kind extends Event['kind']> = Extract<Event, { kind: Kind }>;

/** Undefined: it is none of these, or changes nothing. */
export async function noticeOf(
  options: Options,
  delivery: Pick<Delivery, 'thread'>,
  event: Event,
): Promise<Notice | undefined> {
  switch (event.kind) {
    case 'closed':
      return noticeClosed(options, delivery.thread, event);
    case 'label':
      return noticeUnlabelled(options, delivery.thread, event);
    case 'pushed':
      return noticePush(delivery.thread, event);
    case 'moved':
      return noticeMove(options, event);
    case 'visibility':
      return quietly((tx) => see(options, tx, event));
    case 'gone':
      options.app.forget();
      return quietly((tx) =>
        retireWorkspaces(
          tx,
          { repository: urlOf(options, event.repository) },
          { code: 'repository-deleted', details: {} },
        ),
      );
    case 'installation':
      return noticeInstallation(options, event);
    default:
      return undefined;
  }
}

/** Nobody waits for an answer to it. */
const quietly =
  (write: (tx: Executor) => Promise<unknown>): Notice =>
  async (tx) => {
    await write(tx);
    return null;
  };

const urlOf = ({ config }: Options, label: string): string => `${config.url}/${label}`;

/** Each delivery says whether its repository is private. */
const see = (
  options: Options,
  tx: Executor,
  { repository, isPrivate }: { repository: string; isPrivate: boolean },
): Promise<void> => noteVisibility(tx, urlOf(options, repository), isPrivate);

/** For cards. */
export const whyClosed = ({
  isPullRequest,
  isMerged,
}: {
  isPullRequest: boolean;
  isMerged: boolean;
}): CardNotice => ({ code: 'thread-closed', details: { isPullRequest, isMerged } });

async function noticeClosed(
  options: Options,
  topic: string,
  event: Of<'closed'>,
): Promise<Notice | undefined> {
  if (await isOpenAgain(options, event)) return undefined;
  return async (tx) => {
    await see(options, tx, event);
    await retireWorkspaces(tx, { topic }, whyClosed(event));
    return { ok: true, code: 'closed', details: {} };
  };
}

/** What is younger is believed: GitHub's API may know of it a moment later than we do. */
const LATE_MS = 5 * 60_000;

/** What comes late, because it had to be delivered again, may be over. Where nobody can say it is not. */
async function isOpenAgain({ app, log }: Options, event: Of<'closed'>): Promise<boolean> {
  if (!event.at || Date.now() - Date.parse(event.at) < LATE_MS) return false;
  try {
    const octokit = await app.on(event.repository);
    return (octokit && (await findIssue(octokit, event)))?.isOpen === true;
  } catch (error) {
    log.warn({ repository: event.repository, error: messageOf(error) }, 'a closing is believed unasked');
    return false;
  }
}

async function noticeUnlabelled(
  options: Options,
  topic: string,
  event: Of<'label'>,
): Promise<Notice | undefined> {
  if (event.isAdded || !(await mayUnlabel(options, event))) return undefined;
  return quietly(async (tx) => {
    await see(options, tx, event);
    await retireWorkspaces(tx, { topic }, { code: 'label-removed', details: { label: event.label } });
  });
}

async function mayUnlabel(
  { app, settings }: Options,
  { repository, sender, label }: Of<'label'>,
): Promise<boolean> {
  if (!readLabel(label, (await settings.require(repository)).settings.label)) return false;
  const octokit = await app.on(repository);
  if (!octokit) return false;
  return isEnough(await readPermission(octokit, repository, sender), 'write');
}

const noticePush = (topic: string, { head }: Of<'pushed'>): Notice =>
  quietly(async (tx) => {
    await noteHead(tx, topic, head, { isHeard: true });
    await resendSignals(tx, topic);
  });

function noticeMove(options: Options, event: Of<'moved'>): Notice {
  const [from, to] = [event.from, event.repository];
  options.app.forget();
  return quietly(async (tx) => {
    await moveWorkspaces(
      tx,
      { label: from, url: urlOf(options, from) },
      { label: to, url: urlOf(options, to) },
    );
    await moveDeparture(tx, { front: 'github', place: urlOf(options, from) }, urlOf(options, to));
    // Before the cards, as whoever writes down what happens in tasks.
    await moveTasks(tx, 'github', from, to);
    await moveProposals(tx, 'github', from, to);
    await moveCards(tx, 'github', from, to);
  });
}

/**
 * A comment that was not understood, and was mended by an edit: edits never run, and who waits for one is told so. Undefined:
 * nobody waits. Only for the comment's author, who was answered lately, and has a command there now.
 */
export async function noticeEdit(
  db: Executor,
  context: ParseContext,
  { comment, sender, text }: Extract<Event, { kind: 'edited' }>,
): Promise<((tx: Executor) => Promise<Answer | null>) | undefined> {
  const parsed = parse(text, context);
  if (parsed.kind !== 'command' || !(await wasMisread(db, 'github', { comment, sender }))) return undefined;
  return () => Promise.resolve({ ok: false, code: 'edited', details: { line: parsed.line } });
}
