// A pull request's newest workspace as a deployment and as a check. Each is a row among the cards, of another kind: what
// is wanted and what was sent, lease, attempts and pace are the same, and only what is sent differs. One thing outside
// for each `sentFor`; a create looks first for what an earlier one may have left, because a crash leaves no trace here.
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Answer, Card, Executor } from '../../database/types.ts';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import { createCheck, findCheck, updateCheck, type Check } from '../../forges/github/checks.ts';
import * as deployments from '../../forges/github/deployments.ts';
import type { DeploymentStatus } from '../../forges/github/deployments.ts';
import { missingPermission } from '../../forges/github/missing-permissions.ts';
import type { RepositorySettings, SettingsReader } from '../../forges/github/repository-settings.ts';
import { findPullRequest, type ThreadAddress } from '../../forges/github/threads.ts';
import { addressOf } from './cards.ts';
import { notesOn } from './notes.ts';
import { Event } from './events.ts';
import { readClick as readLastClick } from '../store/recent-messages.ts';
import { joined, wordAnswer } from '../wording.ts';
import { voiceIn } from './render.ts';
import { hashOf, paced, whenAllowed, withoutClocks } from '../pace.ts';
import {
  labelOfButton,
  renderCheck,
  renderDeployment,
  renderPastCheck,
  type CheckOptions,
} from './render-signals.ts';
import type { CardView } from '../view.ts';
import { redrawCard } from '../store/cards.ts';

export interface SignalSender {
  db: Executor;
  app: GitHubApp;
  /** The App's number: its checks are told apart by it. */
  config: { appId: number };
  settings: SettingsReader;
  contextFor: () => Promise<ParseContext>;
  linkTo: (view: CardView) => string;
  paceMs: number;
}

type Sent = Partial<Card> | { later: Date };

/** What a pull request can show beside a comment. */
interface Signal<Said> {
  setting: 'deployments' | 'checks';
  permission: string;
  say(view: CardView, options: CheckOptions): Said;
  /** What of that is worth another write. */
  newsOf(said: Said, view: CardView): unknown;
  /** Until then nobody misses it; undefined: now. `isAwaited`: who pressed `Stop` on its page looks at it. */
  restsUntil(view: CardView, isAwaited: boolean): Date | undefined;
  /** After that there is nothing more to say; and nothing is made only to say that. */
  isEnd(view: CardView): boolean;
  /** What it is made for: once for each. */
  keyOf(goal: Goal): string;
  find(octokit: Octokit, goal: Goal): Promise<number | undefined>;
  /** `isSaid`: with the first write it says all. */
  create(octokit: Octokit, goal: Goal, said: Said): Promise<Made>;
  /** What an earlier try has said already, of which nobody knows: then it is not said twice. */
  isSaid(octokit: Octokit, repository: string, id: number, said: Said): Promise<boolean>;
  /** False: it is gone. */
  update(octokit: Octokit, repository: string, id: number, said: Said): Promise<boolean>;
  /** The key is another one now. */
  retire(octokit: Octokit, repository: string, id: number): Promise<unknown>;
}

interface Made {
  id: number;
  isSaid: boolean;
}

interface Goal extends ThreadAddress {
  octokit: Octokit;
  workspace: string;
  sha: string;
}

/** Its link still leads to a page that says so. Whoever starts it within that time spares two writes, and the page two lines. */
const STOP_RESTS_MS = 15 * 60_000;

const isMaking = (state: DeploymentStatus['state']): boolean => state === 'queued' || state === 'in_progress';

const deployment: Signal<DeploymentStatus> = {
  setting: 'deployments',
  permission: 'deployments: write',
  say: renderDeployment,
  // Each status stays on the page of the pull request: a new name or a next step of the same is none.
  newsOf: ({ state, description, url }, { id }) => [
    id,
    isMaking(state) ? 'making' : state,
    url,
    state === 'failure' ? description : '',
  ],
  restsUntil: ({ desired, elapsedMs }, isAwaited) =>
    desired === 'stopped' && !isAwaited && elapsedMs < STOP_RESTS_MS
      ? new Date(Date.now() - elapsedMs + STOP_RESTS_MS)
      : undefined,
  isEnd: ({ desired }) => desired !== 'running',
  keyOf: ({ workspace, sha }) => `${workspace} ${sha}`,
  find: (octokit, goal) => deployments.findDeployment(octokit, goal.repository, goal),
  async create(octokit, goal, said) {
    // GitHub shows one without a status as pending.
    return { id: await deployments.createDeployment(octokit, goal, goal), isSaid: isMaking(said.state) };
  },
  async isSaid(octokit, repository, id, { state, url }) {
    const last = await deployments.readDeploymentStatus(octokit, repository, id);
    return last === undefined ? isMaking(state) : last.state === state && last.url === (url ?? '');
  },
  update: deployments.setDeploymentStatus,
  retire: (octokit, repository, id) =>
    deployments.setDeploymentStatus(octokit, repository, id, {
      state: 'inactive',
      description: 'Goes on at a newer commit or workspace',
    }),
};

const checkOf = (app: number): Signal<Check> => ({
  setting: 'checks',
  permission: 'checks: write',
  say: renderCheck,
  newsOf: (said) => said,
  restsUntil: () => undefined,
  isEnd: ({ phase }) => phase === 'deleted',
  keyOf: ({ sha }) => sha,
  find: (octokit, { repository, sha }) => findCheck(octokit, repository, sha, app),
  create: async (octokit, { repository, sha }, said) => ({
    id: await createCheck(octokit, repository, sha, said),
    isSaid: true,
  }),
  // An update replaces what was there: twice is as good as once.
  isSaid: () => Promise.resolve(false),
  update: updateCheck,
  retire: (octokit, repository, id) => updateCheck(octokit, repository, id, renderPastCheck()),
});

/** Sends a row of another kind than `card`. */
export function createSignalSender(sender: SignalSender) {
  const check = checkOf(sender.config.appId);
  return (card: Card, views: [CardView, ...CardView[]]): Promise<Sent> =>
    card.kind === 'check' ? send(sender, check, card, views) : send(sender, deployment, card, views);
}

async function send<Said>(
  sender: SignalSender,
  signal: Signal<Said>,
  card: Card,
  views: [CardView, ...CardView[]],
): Promise<Sent> {
  const newest = views.findLast(({ desired }) => desired !== 'deleted') ?? views.at(-1) ?? views[0];
  const { repository, number } = addressOf(card.thread);
  const context = await sender.contextFor();
  const click = await readClick(sender.db, newest.id);
  const options: CheckOptions = {
    linkTo: sender.linkTo,
    context,
    notes: notesOn(sender, repository),
    press: click && pressOf(click, context),
  };
  const news = signal.newsOf(signal.say(withoutClocks(newest), options), newest);
  const sentHash = hashOf(JSON.stringify(news));
  if (sentHash === card.sentHash || (card.externalId === null && signal.isEnd(newest))) return { sentHash };
  const later =
    sender.app.missingPermissions.until(repository, signal.permission) ??
    signal.restsUntil(newest, click?.event.identifier === 'stop') ??
    whenAllowed(card, [newest], sender.paceMs, new Date());
  if (later) return { later };
  const octokit = await sender.app.on(repository);
  if (!octokit) return { sentHash };
  try {
    const now = { octokit, repository, number, view: newest, said: signal.say(newest, options) };
    const patch = await bring(signal, card, now, (await sender.settings.read(repository)).settings);
    return { ...paced(card, sender.paceMs, new Date()), sentHash, ...patch };
  } catch (error) {
    return await waitForPermission(sender, signal.permission, card, error);
  }
}

interface Moment<Said> extends ThreadAddress {
  octokit: Octokit;
  view: CardView;
  said: Said;
}

/** Not for forks: their commits are not the repository's. */
async function bring<Said>(
  signal: Signal<Said>,
  card: Card,
  moment: Moment<Said>,
  settings: RepositorySettings,
): Promise<Partial<Card>> {
  const { octokit, repository, view, said } = moment;
  const pull = settings[signal.setting] ? await findPullRequest(octokit, moment) : undefined;
  const isOurs = pull?.from?.toLowerCase() === repository.toLowerCase();
  const goal = pull && isOurs ? { ...moment, workspace: view.id, sha: pull.sha } : undefined;
  const sentFor = goal ? signal.keyOf(goal) : null;
  const current = card.externalId !== null && card.sentFor === sentFor ? Number(card.externalId) : undefined;
  if (card.externalId !== null && current === undefined)
    await signal.retire(octokit, repository, Number(card.externalId));
  const isSaid = current !== undefined && (await say(signal, card, octokit, repository, current, said));
  // What has ended is let go; should it begin again, it is found again.
  if (!goal || signal.isEnd(view)) return { externalId: null, sentFor: null };
  const made = isSaid ? { id: current, isSaid } : await findOrCreate(signal, goal, said);
  // What was made and says nothing yet gets a turn of its own for that.
  const rest = made.isSaid ? {} : { sentVersion: card.sentVersion, sentHash: null };
  return { externalId: String(made.id), sentFor, ...rest };
}

/** False: it is gone. */
async function say<Said>(
  signal: Signal<Said>,
  card: Card,
  octokit: Octokit,
  repository: string,
  id: number,
  said: Said,
): Promise<boolean> {
  if (card.attempts > 0 && (await signal.isSaid(octokit, repository, id, said))) return true;
  return signal.update(octokit, repository, id, said);
}

async function findOrCreate<Said>(signal: Signal<Said>, goal: Goal, said: Said): Promise<Made> {
  const { octokit, repository } = goal;
  const id = await signal.find(octokit, goal);
  const isThere =
    id !== undefined &&
    ((await signal.isSaid(octokit, repository, id, said)) ||
      (await signal.update(octokit, repository, id, said)));
  return isThere ? { id, isSaid: true } : signal.create(octokit, goal, said);
}

/** The thread's card says what is missing; this is tried again when the App forgets it. Any other error is thrown. */
async function waitForPermission(
  { app, db }: SignalSender,
  own: string,
  { thread }: Card,
  error: unknown,
): Promise<Sent> {
  const missing = missingPermission(error);
  if (missing === undefined) throw error;
  const { repository } = addressOf(thread);
  // To read it is less than what this needs.
  const isOwn = missing === 'unknown' || missing.split(':')[0] === own.split(':')[0];
  const permission = isOwn ? own : missing;
  app.missingPermissions.note(repository, permission);
  await redrawCard(db, 'github', thread);
  return { later: app.missingPermissions.until(repository, permission) ?? new Date() };
}

/** What the last press of a check's button led to: the check itself says it, because GitHub shows no other answer. */
interface Press {
  by: string;
  button: string;
  text: string;
}

interface Click {
  event: Extract<Event, { kind: 'button' }>;
  answer: Answer;
}

/** Undefined: nobody pressed any lately. */
async function readClick(db: Executor, workspace: string): Promise<Click | undefined> {
  const pressed = await readLastClick(db, 'github', workspace);
  const event = Event.safeParse(pressed?.payload).data;
  return pressed && event?.kind === 'button' ? { event, answer: pressed.answer } : undefined;
}

/** Undefined: what it did can be seen anyhow. */
function pressOf({ event, answer }: Click, context: ParseContext): Press | undefined {
  // A check has no way to send a browser anywhere.
  const where = answer.link === 'now' ? 'the link **Open terminal** on this page leads there.' : '';
  const text = joined(wordAnswer(answer, voiceIn(context), context)) || where;
  return text ? { by: event.sender.login, button: labelOfButton(event.identifier), text } : undefined;
}
