// What nodes are told of git where the repository is on a forge: who commits, and passwords on the owner's own right, for agents that
// ask for one.
import type { Logger } from 'pino';
import type { AgentMessage, BotMessage, GitOperation, GitToken } from '../../agent/protocol.ts';
import type { RefusalCodes, Said, SaidGitRefusal } from '../codes.ts';
import type { Executor, Workspace } from '../database/types.ts';
import { messageOf, UserError } from '../errors.ts';
import { desiredOf, type GitFacts } from './desired.ts';
import { findWorkspace } from '../workspaces/store/workspaces.ts';
import { findForge, type Forge, type Person } from '../forges/forge.ts';
import { checkGitRight } from '../forges/rights.ts';
import { findIdentities, type Known } from '../access/store/people.ts';

export interface GitBroker {
  /** By workspace; who is not in it gets nothing. */
  facts(workspaces: Workspace[]): Promise<ReadonlyMap<string, GitFacts>>;
  /** For the workspace's repository alone, as much as its owner may now. Throws UserError: a sentence for people. */
  token(workspace: Workspace, operation: GitOperation): Promise<GitToken>;
}

export interface GitAnswering {
  db: Executor;
  /** Absent: nobody gets a token for git. */
  git?: GitBroker | undefined;
  /** A refusal as the sentence that git shows in its terminal. */
  wordRefusal: (refusal: SaidGitRefusal | Said<RefusalCodes>) => string;
}

interface Asking {
  node: string;
  log: Logger;
  /** Answers that this agent waits for. */
  minting: number;
  /** What is left of its quota, as of a moment of `performance.now()`; absent: all of it. */
  quota?: { left: number; at: number };
}

type Question = AgentMessage & { type: 'git-token' };
type Reply = BotMessage & { type: 'git-token' };

/** A person types one command at a time; more is a program that runs wild. */
const MAX_AT_ONCE = 16;

/**
 * Each costs calls of an hour's 5,000 that everybody on that installation shares. A checkout that fetches its blobs when it
 * needs them asks often, for a while.
 */
const MAX_IN_A_BURST = 120;
const REFILL_MS = 4_000;

/** False: its quota is used up. */
function spend(asking: Asking): boolean {
  const now = performance.now();
  const { left, at } = asking.quota ?? { left: MAX_IN_A_BURST, at: now };
  const whole = Math.min(MAX_IN_A_BURST, left + (now - at) / REFILL_MS);
  asking.quota = { left: whole < 1 ? whole : whole - 1, at: now };
  return whole >= 1;
}

/** What outlived a stop gets nothing: it is for what the node is to keep running, or to save before it goes. */
function mayHave(row: Workspace): boolean {
  const goal = desiredOf(row);
  return goal?.desired === 'running' || goal?.save === true;
}

/** Never rejects. What it answers is never logged. */
export async function answerGit(
  broker: GitAnswering,
  asking: Asking,
  { ref, workspace, operation }: Question,
): Promise<Reply> {
  const refuse = (code: SaidGitRefusal['code']): Reply => {
    const said: SaidGitRefusal = { code, details: {} };
    return { type: 'git-token', ref, error: { ...said, message: broker.wordRefusal(said) } };
  };
  if (asking.minting >= MAX_AT_ONCE) return refuse('busy');
  asking.minting++;
  try {
    const row = await findWorkspace(broker.db, workspace);
    const isHere = row && row.nodeId === asking.node && mayHave(row);
    if (!isHere || !broker.git) return refuse('no-workspace');
    if (!spend(asking)) return refuse('too-often');
    return { type: 'git-token', ref, ...(await broker.git.token(row, operation)) };
  } catch (error) {
    if (error instanceof UserError)
      return { type: 'git-token', ref, error: { ...error.said, message: broker.wordRefusal(error.said) } };
    asking.log.warn({ workspace, operation, error: messageOf(error) }, 'git got no token');
    return refuse('unavailable');
  } finally {
    asking.minting--;
  }
}

export interface GitBrokerOptions {
  db: Executor;
  forges: readonly Forge[];
  log: Logger;
}

export function createGitBroker({ db, forges, log }: GitBrokerOptions): GitBroker {
  return {
    async facts(workspaces) {
      const facts = new Map<string, GitFacts>();
      for (const forge of forges) {
        const ours = workspaces.filter(({ repository }) => findForge([forge], repository));
        const people = await findIdentities(db, [...new Set(ours.map(({ owner }) => owner))], forge.name);
        for (const one of ours) facts.set(one.id, factsOf(forge, one, people.get(one.owner)));
      }
      return facts;
    },
    async token(workspace, operation) {
      const { forge, label = '' } = findForge(forges, workspace.repository) ?? {};
      const known = forge && (await findIdentities(db, [workspace.owner], forge.name)).get(workspace.owner);
      if (!forge || workspace.fork || !known) throw new UserError('no-credentials', {});
      await checkGitRight(forge, label, personOf(known), operation);
      const minted = await forge.mintToken(label, operation);
      log.info({ repository: label, operation, person: known.login }, 'git got a token');
      return minted;
    },
  };
}

function factsOf(forge: Forge, { fork }: Workspace, known: Known | undefined): GitFacts {
  // A fork's code runs there: it gets nothing, not even what the node has by itself.
  const credentials = fork ? 'none' : known && 'sam';
  return {
    ...(known && { identity: { name: known.name, ...forge.identityOf(personOf(known)) } }),
    ...(credentials && { credentials }),
  };
}

const personOf = ({ externalId, login }: Known): Person => ({ id: externalId, login });
