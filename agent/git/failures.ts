// What git wrote when it failed, as a code and its details. Pure: text in, error out.
import { DISK_FULL, WorkspaceError } from '../failure.ts';
import { redact } from '../redact.ts';
import type { AgentFailure, ErrorClass } from '../protocol.ts';
import { hostOf } from './git.ts';

interface Failed {
  stderr: string;
  isTimeout?: boolean;
  startError?: string | undefined;
}

interface Asked {
  repository: string;
  ref?: string | undefined;
}

type Explain = (asked: { repository: string; ref: string; host: string }) => AgentFailure;

const configuration = 'configuration' satisfies ErrorClass;
const transient = 'transient' satisfies ErrorClass;

// The first that fits wins: what git says last ("early EOF") often follows from what it said first.
const CAUSES: [RegExp, Explain][] = [
  [/No space left on device|Disk quota exceeded/i, () => DISK_FULL],
  [
    /SSL certificate problem|certificate verif|certificate has expired|unable to get local issuer|no alternative certificate/i,
    ({ host }) => ({ class: configuration, code: 'untrusted-host', details: { host } }),
  ],
  [
    /could not read (Username|Password)|Authentication failed|returned error: 40[13]|terminal prompts disabled|Invalid username or (password|token)/i,
    ({ repository }) => ({ class: configuration, code: 'no-password', details: { repository } }),
  ],
  [
    /Remote branch .* not found|couldn't find remote ref|not our ref|unadvertised object|invalid reference/i,
    ({ repository, ref }) => ({ class: configuration, code: 'no-ref', details: { repository, ref } }),
  ],
  [
    /dubious ownership/i,
    ({ repository }) => ({ class: configuration, code: 'foreign-repository', details: { repository } }),
  ],
  [
    /does not appear to be a git repository|not a git repository|not valid: is this a git repository/i,
    ({ repository }) => ({ class: configuration, code: 'not-a-repository', details: { repository } }),
  ],
  [
    /repository .* not found|repository .* does not exist|Repository not found|returned error: 404/i,
    ({ repository }) => ({ class: configuration, code: 'no-such-repository', details: { repository } }),
  ],
  [
    /Could not resolve (host|proxy)|Name or service not known|Temporary failure in name resolution/i,
    ({ host }) => ({ class: transient, code: 'no-address', details: { host } }),
  ],
  [
    /Operation too slow|timed out|timeout/i,
    ({ host }) => ({ class: transient, code: 'silent-host', details: { host } }),
  ],
  [
    /Failed to connect|Couldn't connect|Connection (refused|reset|closed)|Network is unreachable|No route to host|Empty reply|returned error: (5\d\d|429)|early EOF|RPC failed|hung up|unexpected disconnect|GnuTLS|SSL_/i,
    ({ host }) => ({ class: transient, code: 'broken-connection', details: { host } }),
  ],
];

export function explainGit({ repository, ref }: Asked, failed: Failed): WorkspaceError {
  if (failed.startError === 'ENOENT')
    return new WorkspaceError({ class: configuration, code: 'no-git', details: {} });
  const stderr = failed.isTimeout === true ? 'timed out' : failed.stderr;
  const asked = { repository: nameOf(repository), ref: ref ?? 'HEAD', host: hostOf(repository) };
  const cause = new Error(redact(failed.stderr.slice(-2_000)));
  return new WorkspaceError(judge(asked, stderr), { cause });
}

function judge(asked: Parameters<Explain>[0], stderr: string): AgentFailure {
  const [, said] = /^sam: (.+)$/m.exec(stderr) ?? [];
  if (said !== undefined)
    return {
      class: /try again/i.test(said) ? transient : configuration,
      code: 'git-refused',
      details: { said },
    };
  const [, explain] = CAUSES.find(([pattern]) => pattern.test(stderr)) ?? [];
  if (explain !== undefined) return explain(asked);
  const { repository } = asked;
  return { class: 'internal', code: 'git-failed', details: { repository, said: lastWords(stderr) } };
}

function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => /^(fatal|error):/.test(line));
  return (lines.pop() ?? 'it said nothing').replace(/^\w+:\s*/, '').slice(0, 300);
}

function nameOf(repository: string): string {
  return redact(repository).replace(/[^\x21-\x7e]|[`']/g, '?');
}
