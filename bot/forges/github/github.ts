// GitHub as a forge: what the contract asks, said in calls of the App. Knows no command and no front; GitHub's own front takes the
// parts from here too.
import type { Logger } from 'pino';
import { ProviderError, UserError } from '../../errors.ts';
import type { Forge, GitOperation, GitToken } from '../forge.ts';
import { createGitHubApp, type GitHubApp } from './app.ts';
import { call } from './calls.ts';
import type { GitHubConfig } from './config.ts';
import { readPermission } from './permissions.ts';
import { createSettingsReader, type SettingsReader } from './repository-settings.ts';
import { createSignIn } from './sign-in.ts';
import * as threads from './threads.ts';

export interface GitHub {
  forge: Forge;
  app: GitHubApp;
  settings: SettingsReader;
}

export interface GitHubOptions {
  timeoutMs: number;
  /** How long a repository's settings are kept. */
  keptMs: number;
  /** Whether writes keep the distances that GitHub asks for. */
  isPaced: boolean;
  log: Logger;
}

export function openGitHub(config: GitHubConfig, { timeoutMs, keptMs, isPaced, log }: GitHubOptions): GitHub {
  const app = createGitHubApp(config, log, { timeoutMs, isPaced });
  const settings = createSettingsReader({ app, keptMs, log });
  return { app, settings, forge: createForge(config, app, settings) };
}

function createForge(config: GitHubConfig, app: GitHubApp, settings: SettingsReader): Forge {
  const { hostname } = new URL(config.url);
  return {
    name: 'github',
    title: 'GitHub',
    url: config.url,
    warm: () => app.warm(),
    async findRepository(label) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findRepository(octokit, label));
      return found && { label: found.name, branch: found.branch, isPrivate: found.isPrivate };
    },
    async findThread(label, number) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findIssue(octokit, { repository: label, number }));
      return found && { isOpen: found.isOpen, isChange: found.isPullRequest };
    },
    async findChange(label, number) {
      const octokit = await app.on(label);
      const found = octokit && (await threads.findPullRequest(octokit, { repository: label, number }));
      return (
        found && {
          branch: found.branch,
          head: found.sha,
          ref: `refs/pull/${number}/head`,
          from: found.from,
        }
      );
    },
    async readPermission(label, { id, login }) {
      const octokit = await app.on(label);
      return octokit && readPermission(octokit, label, { id: Number(id), login });
    },
    async readRules(label) {
      const { size, idle_time: idleTimeMs, who } = (await settings.require(label)).settings;
      return { size, idleTimeMs, who };
    },
    listRepositories: () => app.reachable(),
    mintToken: (label, operation) => mintToken(app, label, operation),
    identityOf: ({ id, login }) => ({ email: `${id}+${login}@users.noreply.${hostname}` }),
    signIn: createSignIn(config),
  };
}

const LEAST = {
  fetch: { contents: 'read' },
  push: { contents: 'write', pull_requests: 'write' },
} as const;

async function mintToken(app: GitHubApp, repository: string, operation: GitOperation): Promise<GitToken> {
  const octokit = await app.on(repository);
  if (!octokit) throw new Error(`github: mint token: no installation on ${repository}`);
  const { data: found } = await call('read repository', () =>
    octokit.rest.repos.get(threads.ownerAndName(repository)),
  );
  const asked = { repository_ids: [found.id], permissions: LEAST[operation] };
  try {
    const { token, expiresAt } = await app.mint(repository, asked);
    return { username: 'x-access-token', password: token, expiresAt };
  } catch (error) {
    if (!(error instanceof ProviderError) || error.cause !== 422) throw error;
    const missing = Object.entries(LEAST[operation])
      .map(([name, level]) => `${name}: ${level}`)
      .join(', ');
    throw new UserError('no-permission', { repository, missing }, { cause: error });
  }
}
