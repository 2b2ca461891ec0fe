// The table of fronts: to add one, a folder in chat/ and a line here. Starts the workers that serve all of them.
import type { Logger } from 'pino';
import { findCodingAgents } from './access/credentials/credentials-store.ts';
import { createSettingsLink } from './access/credentials/settings-sessions.ts';
import { giveSecret } from './access/people/personal-tokens-store.ts';
import { createLink as makeLink, repeatLink, toPort } from './access/links.ts';
import type { RepositoryGuard } from './access/repository-guard.ts';
import { hourly } from './billing/prices.ts';
import { answerSource } from './chat/answers.ts';
import { cardSource } from './chat/cards.ts';
import { createApi } from './chat/api/api.ts';
import { createConsole } from './chat/console/console.ts';
import { readHeads, readPolicy } from './chat/forks.ts';
import type { Front, FrontEntry, FrontOptions } from './chat/front.ts';
import { createGitHub } from './chat/github/github.ts';
import { deliverySource } from './chat/inbox.ts';
import { outputPath } from './chat/page/output.ts';
import { createPage, type PageOptions } from './chat/page/page.ts';
import { createSlack } from './chat/slack/slack.ts';
import type { Config } from './config.ts';
import type { FrontName } from './database/types.ts';
import type { GitHub } from './forges/github/github.ts';
import type { Route } from './http/routes.ts';
import type { Source } from './jobs/loop.ts';
import { createPortAddresses } from './ports/addresses.ts';
import { findWorkspace } from './workspaces/store/workspaces.ts';
import { timingFrom } from './workspaces/timing.ts';
import { endOf, expiryOf } from './workspaces/workspace.ts';

/** Where nobody speaks but who runs Sam: as what they are known there. */
export const operators: readonly FrontName[] = ['console'];

/** In the order of the banner. */
export const fronts: readonly FrontEntry[] = [createConsole, createGitHub, createSlack, createApi];

/** The App, which GitHub's front and the forge share. */
export async function openGitHub({ github, baseMs }: Config, log: Logger): Promise<GitHub | undefined> {
  if (!github) return undefined;
  const { openGitHub: open } = await import('./forges/github/github.ts');
  const { callTimeoutMs: timeoutMs, settingsKeptMs: keptMs } = timingFrom(baseMs);
  // A test that shortens all times is about none of GitHub's.
  return open(github, { timeoutMs, keptMs, isPaced: baseMs >= timingFrom().callTimeoutMs, log });
}

/** What this bot has beside what is made of it here. */
export type FrontParts = Omit<
  FrontOptions,
  'knowledge' | 'paceMs' | 'createLink' | 'createPortLink' | 'createSettingsLink' | 'createTokenSecret'
>;

export interface Fronts {
  all: readonly Front[];
  /** What the loop of the chats takes: requests, answers and cards of all, and what each brings. */
  sources: Source[];
  /** What each answers over HTTP. */
  routes: Route[];
  /** Hears nothing more. What is under way has ended before. */
  stop(): Promise<unknown>;
}

/** `mayStill`: the one that every door to a terminal asks. */
export async function openFronts(
  table: readonly FrontEntry[],
  { mayStill, push, ...parts }: FrontParts & { mayStill: RepositoryGuard } & Pick<PageOptions, 'push'>,
): Promise<Fronts> {
  const options = complete(parts);
  const all = await Promise.all(table.map(async (open) => open(options)));
  const triggers = Object.fromEntries(all.map(({ name, trigger }) => [name, trigger]));
  const page = createPage({
    ...options,
    mayStill,
    push,
    baseUrl: parts.config.baseUrl,
    portAddress: options.knowledge.portAddress,
    triggers,
  });
  const every = [...all, page];
  return {
    all,
    sources: [...serve(options, every), ...every.flatMap(({ sources }) => sources)],
    routes: every.flatMap(({ routes }) => routes),
    stop: () => Promise.all(every.map((front) => front.stop())),
  };
}

function complete(parts: FrontParts): FrontOptions {
  const {
    config,
    db,
    encryptionKeys: [key],
  } = parts;
  const { warningMs, cardPaceMs } = timingFrom(config.baseMs);
  const createLink = (workspace: string, user: string) => invite(db, { config, key, workspace, user });
  return {
    ...parts,
    paceMs: cardPaceMs,
    knowledge: {
      warningMs,
      expiryOf: (workspace) => expiryOf(workspace, config.limits.idleTimeoutMs),
      endOf: (workspace) => endOf(workspace, config.limits.deleteStoppedAfterMs),
      readPrices: () => hourly(db),
      portAddress: portAddressIn(config),
      outputAt: (workspace, turn) => `${config.baseUrl}${outputPath(workspace, turn)}`,
    },
    createSettingsLink: (user) => createSettingsLink(db, config.baseUrl, user),
    createTokenSecret: (id) => giveSecret(db, id),
    createLink,
    createPortLink: async (workspace, port, user) =>
      toPort(await createLink(workspace, user), { workspace, port }),
  };
}

async function invite(
  db: FrontParts['db'],
  to: { config: Config; key: Buffer | undefined; workspace: string; user: string },
): Promise<string> {
  const { config, key, workspace, user } = to;
  const row = await findWorkspace(db, workspace);
  const invitation = { workspace, user, access: row?.access ?? 0 };
  return key ? repeatLink(db, config.baseUrl, invitation, key) : makeLink(db, config.baseUrl, invitation);
}

const portAddressIn = ({ portsDomain, baseUrl }: Config) =>
  portsDomain === undefined ? undefined : createPortAddresses(portsDomain, baseUrl).origin;

function serve(options: FrontOptions, all: readonly Pick<Front, 'name' | 'conversation'>[]): Source[] {
  const { db, config, commands, forges, knowledge, log } = options;
  const conversations = new Map(
    all.flatMap(({ name, conversation }) => (conversation ? [[name, conversation] as const] : [])),
  );
  const drawn = new Map([...conversations].filter(([, { isQueued }]) => !isQueued));
  const shown = new Map([...drawn].filter(([, { isSilent }]) => !isSilent));
  return [
    deliverySource({
      db,
      conversations,
      commands,
      forges,
      limits: config.limits,
      provider: config.machines.provider,
      portAddress: portAddressIn(config),
      admins: options.admins,
      readHeads: (about) => readHeads({ db, forges }, about),
      readPolicy: (about) => readPolicy(forges, about),
      findCodingAgents: (person) => findCodingAgents(db, person),
      log,
    }),
    answerSource({ db, conversations: shown, log }),
    cardSource({ db, conversations: drawn, knowledge, log }),
  ];
}
