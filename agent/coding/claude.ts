// Claude Code in a workspace: how it finds its model, where it keeps what it remembers, and that it need not ask who is there.
// Keeps no key.
import type { Way } from '../models/models.ts';
import { CODEX_FOLDER } from './codex.ts';
import { run } from '../system/run.ts';
import type { User } from '../system/users.ts';

/** In the workspace's folder, beside the checkout: conversations live as long as the workspace. */
export const CLAUDE_FOLDER = '.claude';

export interface ClaudePlace {
  /** Absolute. */
  folder: string;
  /** Undefined: none leads from there to a model. */
  way: Way | undefined;
}

/** Never a key, and never two ways at once: an empty variable too would be one. */
export const claudeEnvironment = ({ folder, way }: ClaudePlace): Record<string, string> => ({
  CLAUDE_CONFIG_DIR: folder,
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  ...(way && variablesOf(way)),
});

const variablesOf = (way: Way): Record<string, string> =>
  'plan' in way
    ? { CLAUDE_CODE_OAUTH_TOKEN: way.plan }
    : { ANTHROPIC_BASE_URL: way.url, ANTHROPIC_AUTH_TOKEN: way.token };

/**
 * For code that somebody else sent: what its checkout says of settings, hooks and servers of tools counts for nothing. What its
 * person has left for themselves does.
 */
export const FOR_FOREIGN_CODE = ['--setting-sources', 'user', '--strict-mcp-config'];

const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const TIMEOUT_MS = 10_000;

/** Whole or not at all; what lies there already is a person's. The folder is the workspace's own: it may be anything by now. */
const WRITE = `umask 077; mkdir -p -- "$1/${CODEX_FOLDER}" && cd -- "$1" || exit 1
[ -e .claude.json ] || [ -L .claude.json ] && exit 0
printf '%s\\n' "$2" >".claude.json.$$" && mv -n -- ".claude.json.$$" .claude.json`;

export interface Answering {
  folder: string;
  checkout: string;
  /** Nobody is asked again whether they trust what they had checked out; of a fork they are. */
  isTrusted: boolean;
  user: User | undefined;
  signal: AbortSignal;
  /** Runs a command where these paths are, if that is elsewhere. */
  run?: ((words: string[]) => Promise<boolean>) | undefined;
}

/** What a person would be asked at the first start. Repeatable; changes nothing that is there. False: it could not be written. */
export async function answerQuestions(answering: Answering): Promise<boolean> {
  const { folder, checkout, isTrusted, user, signal } = answering;
  const answers = {
    hasCompletedOnboarding: true,
    ...(isTrusted && { projects: { [checkout]: { hasTrustDialogAccepted: true } } }),
  };
  const words = ['-c', WRITE, 'sam', folder, JSON.stringify(answers)];
  if (answering.run) return answering.run(['/bin/sh', ...words]);
  const { code } = await run('/bin/sh', words, { env: ENV, timeoutMs: TIMEOUT_MS, user, signal });
  return code === 0;
}
