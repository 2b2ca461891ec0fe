// Turns what git wrote when it failed into sentences for people. Pure: text in, error out.
import { DISK_FULL, WorkspaceError } from '../failure.ts';
import { redact } from '../redact.ts';
import type { ErrorClass } from '../protocol.ts';

interface Failed {
  stderr: string;
  isTimeout?: boolean;
  startError?: string | undefined;
}

interface Asked {
  repository: string;
  ref?: string | undefined;
}

type Explain = (asked: { repository: string; ref: string; host: string }) => string;

// The first that fits wins: what git says last ("early EOF") often follows from what it said first.
const CAUSES: [RegExp, ErrorClass, Explain][] = [
  [/No space left on device|Disk quota exceeded/i, 'configuration', () => DISK_FULL],
  [
    /SSL certificate problem|certificate verif|certificate has expired|unable to get local issuer|no alternative certificate/i,
    'configuration',
    ({ host }) =>
      `The certificate of ${host} is not one that the node trusts. Mend it there or on the node, then \`/sam retry\`.`,
  ],
  [
    /could not read (Username|Password)|Authentication failed|returned error: 40[13]|terminal prompts disabled|Invalid username or (password|token)/i,
    'configuration',
    ({ repository }) =>
      `${repository} needs a password, or does not exist. Check the name, and that Sam may read it, then \`/sam retry\`.`,
  ],
  [
    /Remote branch .* not found|couldn't find remote ref|not our ref|unadvertised object|invalid reference/i,
    'configuration',
    ({ ref, repository }) =>
      `There is no branch, tag or commit \`${ref}\` in ${repository}. Push it, or name another one with \`--ref\`.`,
  ],
  [
    /dubious ownership/i,
    'configuration',
    ({ repository }) =>
      `${repository} belongs to another user, and git refuses such folders. Allow it on the node: \`git config --global --add safe.directory '${repository}'\`, then \`/sam retry\`.`,
  ],
  [
    /does not appear to be a git repository|not a git repository|not valid: is this a git repository/i,
    'configuration',
    ({ repository }) => `${repository} is not a git repository. Run \`git init\` there, or name another one.`,
  ],
  [
    /repository .* not found|repository .* does not exist|Repository not found|returned error: 404/i,
    'configuration',
    ({ repository }) =>
      `${repository} does not exist, or Sam may not see it. Check the name, then \`/sam retry\`.`,
  ],
  [
    /Could not resolve (host|proxy)|Name or service not known|Temporary failure in name resolution/i,
    'transient',
    ({ host }) =>
      `The machine found no address for ${host}. Check the name, and that the machine is online, then \`/sam retry\`.`,
  ],
  [
    /Operation too slow|timed out|timeout/i,
    'transient',
    ({ host }) => `${host} sent nothing for too long. Try \`/sam retry\`.`,
  ],
  [
    /Failed to connect|Couldn't connect|Connection (refused|reset|closed)|Network is unreachable|No route to host|Empty reply|returned error: (5\d\d|429)|early EOF|RPC failed|hung up|unexpected disconnect|GnuTLS|SSL_/i,
    'transient',
    ({ host }) => `The connection to ${host} broke. Try \`/sam retry\`.`,
  ],
];

export function explainGit({ repository, ref }: Asked, failed: Failed): WorkspaceError {
  if (failed.startError === 'ENOENT') {
    return new WorkspaceError(
      'configuration',
      'Git is not installed on the machine. Install it there, then `/sam retry`.',
    );
  }
  const stderr = failed.isTimeout === true ? 'timed out' : failed.stderr;
  const asked = { repository: nameOf(repository), ref: ref ?? 'HEAD', host: hostOf(repository) };
  const options = { cause: new Error(redact(failed.stderr.slice(-2_000))) };
  const [, refusal] = /^sam: (.+)$/m.exec(stderr) ?? [];
  if (refusal !== undefined)
    return new WorkspaceError(/try again/i.test(refusal) ? 'transient' : 'configuration', refusal, options);
  for (const [pattern, errorClass, explain] of CAUSES) {
    if (pattern.test(stderr)) return new WorkspaceError(errorClass, explain(asked), options);
  }
  return new WorkspaceError(
    'internal',
    `Git could not clone ${asked.repository}: ${lastWords(stderr)} Try \`/sam retry\`.`,
    options,
  );
}

function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => /^(fatal|error):/.test(line));
  const last = (lines.pop() ?? 'it said nothing').replace(/^\w+:\s*/, '').slice(0, 300);
  return /[.!?]$/.test(last) ? last : `${last}.`;
}

function nameOf(repository: string): string {
  return redact(repository).replace(/[^\x21-\x7e]|[`']/g, '?');
}

function hostOf(repository: string): string {
  return URL.canParse(repository) ? new URL(repository).host || 'the node itself' : 'the node itself';
}
