// Why a container could not be made, as a code and its details: from what the dev container program, the registries and the
// engine say. Pure: text in, failure out.
import { DISK_FULL } from '../../failure.ts';
import type { AgentFailure, PrepareStep } from '../../protocol.ts';
import type { Result } from './stream.ts';

export interface Failed {
  /** Undefined: it ended without a word. */
  result: Result | undefined;
  /** What was said on the way, the last ones last. */
  clues: string[];
  step: PrepareStep;
  /** The lifecycle command that ran last. */
  hook?: string | undefined;
  isTimeout: boolean;
  /** After which it counts as late. */
  minutes: number;
  /** The configuration's file; absent: the default image. */
  path?: string | undefined;
  /** What it is made from, where the configuration says so. */
  image?: string | undefined;
}

interface Case extends Failed {
  /** All that was said. */
  text: string;
  message: string;
}

type Explain = (found: RegExpExecArray, failed: Case) => AgentFailure;

const FULL = /No space left on device|Disk quota exceeded|ENOSPC/i;
/** What the engine's own program says last of an engine that is not there: registries and builds refuse and end in other words. */
const NO_ENGINE =
  /Cannot connect to the Docker daemon|error during connect|docker daemon is not running|permission denied while trying to connect/i;
/** A command of a Dockerfile or of a feature: whatever it wrote, there was an engine that ran it. */
const COMMAND_FAILED = /did not complete successfully: exit code: (\d+)|returned a non-zero code: (\d+)/;
const REFUSED = 'connect refused';

/** A registry that did not give what was asked for, by its status: `[httpOci] 503 (NoAuth): https://host/v2/…`. */
const HTTP_OCI = /\[httpOci\] (\d{3})\b[^\n]*?https?:\/\/([^/\s]+)(\/[^\s]*)?/g;
const NO_CHALLENGE = /\[httpOci\] ERR: Server did not provide instructions/;
const FEATURE = /Feature '([^']+)'/;

const HOOK =
  /\b(\w+Command) from [^\n]* failed|\b(initializeCommand|onCreateCommand|updateContentCommand|postCreateCommand|postStartCommand|postAttachCommand)\b[^\n]* failed/;

// The first that fits wins: what is said last often follows from what was said first.
const CAUSES: [RegExp, Explain][] = [
  [/(?:exit code:? |code )137\b|OOMKilled|out of memory/i, (_found, { step }) => outOfMemory(step)],
  [COMMAND_FAILED, ([, one, other], failed) => buildFailed(Number(one ?? other), failed)],
  [
    /compose(?:' is not a docker command| is not (?:installed|available|a docker command)|: command not found)|docker-compose ENOENT|unknown command: docker compose/i,
    () => ({ class: 'configuration', code: 'no-compose', details: {} }),
  ],
  [
    /unable to find user ([^\s:]+)|no matching entries in passwd file|no users found.*?([\w-]+)/i,
    ([, one, other]) => ({
      class: 'configuration',
      code: 'no-container-user',
      details: { user: one ?? other ?? '' },
    }),
  ],
  [
    /open '[^'\n]*?([^/'\n]+)\/devcontainer-feature\.json'/,
    ([, feature = '']) => ({ class: 'configuration', code: 'no-feature', details: { feature } }),
  ],
  [
    /toomanyrequests|429 Too Many Requests|reached your (?:unauthenticated )?pull rate limit/i,
    (_found, failed) => ({ class: 'transient', code: 'registry-limited', details: { host: hostIn(failed) } }),
  ],
  [
    /manifest(?: for \S+)? (?:unknown|not found)|: not found: manifest|failed to resolve reference[^\n]*: not found/i,
    (_found, failed) => ({ class: 'configuration', code: 'no-image', details: { image: imageIn(failed) } }),
  ],
  [
    /pull access denied for (\S+?),|unauthorized|denied: requested access|401 Unauthorized|403 Forbidden|no basic auth credentials/i,
    ([, name], failed) => ({
      class: 'configuration',
      code: 'registry-denied',
      details: { host: hostIn(failed), what: name ?? imageIn(failed) },
    }),
  ],
  [
    /self-signed certificate|certificate signed by unknown authority|x509:|unable to verify the first certificate|CERT_|certificate has expired/i,
    (_found, failed) => ({
      class: 'configuration',
      code: 'registry-untrusted',
      details: { host: hostIn(failed) },
    }),
  ],
  [
    /getaddrinfo (?:EAI_AGAIN|ENOTFOUND) (\S+)|lookup (\S+)[^\n]*(?:no such host|server misbehaving|i\/o timeout|connection refused|Temporary failure)/i,
    ([, one, other], failed) => unavailable('no address', one ?? other ?? hostIn(failed)),
  ],
  [
    /(?:connect|read) (?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)|dial tcp[^\n]*(?:refused|timeout|unreachable)|socket hang up|connection reset by peer/i,
    (_found, failed) => unavailable(REFUSED, hostIn(failed)),
  ],
  [
    /\b(50[0-4]) (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)|received unexpected HTTP status: (50\d)|TLS handshake timeout|Client\.Timeout exceeded|net\/http: request canceled/i,
    ([, one, other], failed) => unavailable(one ?? other ?? 'timeout', hostIn(failed)),
  ],
];

/** Which class it is, what it is called, and what a person needs to know. */
export function explainFailure(failed: Failed): AgentFailure {
  const { result, clues, isTimeout, step, minutes } = failed;
  const message = [result?.message, result?.description].filter(Boolean).join('\n');
  const text = [...clues, message].join('\n');
  const all: Case = { ...failed, text, message };
  if (isTimeout) return late(step, minutes);
  // What a command of the repository wrote says nothing about registries and engines.
  const hook = findHook(all);
  if (hook !== undefined) return hookFailed(hook, all);
  if (FULL.test(text)) return DISK_FULL;
  if (isOfEngine(all)) return { class: 'transient', code: 'engine-unavailable', details: {} };
  const registry = explainRegistry(all);
  if (registry !== undefined) return registry;
  for (const [pattern, explain] of CAUSES) {
    const found = pattern.exec(text);
    if (found !== null) return explain(found, all);
  }
  return explainRest(all);
}

const isOfEngine = (failed: Case): boolean =>
  NO_ENGINE.test(`${lastWords(failed)}\n${failed.message}`) && !COMMAND_FAILED.test(failed.text);

function findHook({ message, hook, step }: Case): string | undefined {
  const [, one, other] = HOOK.exec(message) ?? [];
  return one ?? other ?? (step === 'hooks' && message.startsWith('Command failed') ? hook : undefined);
}

function hookFailed(hook: string, failed: Case): AgentFailure {
  const exit = exitIn(failed);
  return {
    class: 'configuration',
    code: 'devcontainer-hook-failed',
    details: { hook, exit, said: lastWords(failed) },
  };
}

function late(step: PrepareStep, minutes: number): AgentFailure {
  const isOfNetwork = step === 'pull' || step === 'features';
  return {
    class: isOfNetwork ? 'transient' : 'configuration',
    code: 'devcontainer-late',
    details: { during: step, minutes },
  };
}

const outOfMemory = (during: string): AgentFailure => ({
  class: 'configuration',
  code: 'out-of-memory',
  details: { during },
});

const unavailable = (why: string, host: string): AgentFailure => ({
  class: 'transient',
  code: 'registry-unavailable',
  details: { host: host.replace(/[:.]+$/, ''), why },
});

function buildFailed(exit: number, failed: Case): AgentFailure {
  if (exit === 137) return outOfMemory(failed.step);
  const said = lastWords(failed);
  const [, feature] = /ERROR: Feature "([^"\n]+)"[^\n]* failed to install/.exec(failed.text) ?? [];
  if (feature !== undefined)
    return { class: 'configuration', code: 'devcontainer-feature-failed', details: { feature, said } };
  if (failed.path === undefined)
    return { class: 'internal', code: 'default-image-failed', details: { said } };
  return { class: 'configuration', code: 'devcontainer-build-failed', details: { exit, said } };
}

function explainRegistry(failed: Case): AgentFailure | undefined {
  const [status, host] = lastStatus(failed.text);
  const [, feature] = FEATURE.exec(failed.message) ?? [];
  const name = feature ?? '';
  if (status === undefined) {
    if (NO_CHALLENGE.test(failed.text)) return denied(hostOf(name), name);
    return undefined;
  }
  // A registry that gave an answer, and then what was asked for, was not what stood in the way.
  if (feature === undefined && !/httpOci/.test(failed.clues.at(-1) ?? '')) return undefined;
  if (status === 429) return { class: 'transient', code: 'registry-limited', details: { host } };
  if (status >= 500) return unavailable(String(status), host);
  if (status === 404) return { class: 'configuration', code: 'no-feature', details: { feature: name } };
  if (status === 401 || status === 403) return denied(host, name);
  return undefined;
}

const denied = (host: string, what: string): AgentFailure => ({
  class: 'configuration',
  code: 'registry-denied',
  details: { host, what },
});

function lastStatus(text: string): [status: number | undefined, host: string] {
  const found = [...text.matchAll(HTTP_OCI)].findLast(([, status]) => Number(status) >= 400);
  return found ? [Number(found[1]), found[2] ?? ''] : [undefined, ''];
}

function explainRest(failed: Case): AgentFailure {
  const { message, path, result } = failed;
  const [, feature] = FEATURE.exec(message) ?? [];
  if (feature !== undefined) return { class: 'configuration', code: 'no-feature', details: { feature } };
  const said = lastWords(failed);
  if (path === undefined) return { class: 'internal', code: 'default-image-failed', details: { said } };
  if (/building the image/.test(message))
    return {
      class: 'configuration',
      code: 'devcontainer-build-failed',
      details: { exit: exitIn(failed), said },
    };
  if (/missing one of "image"|not found\.$|must (?:contain|be)/m.test(message))
    return {
      class: 'configuration',
      code: 'devcontainer-broken',
      details: { path, said: firstLine(message) },
    };
  if (/is not running|container [^\n]*exited|No such container/i.test(failed.text))
    return { class: 'configuration', code: 'container-exited', details: { exit: exitIn(failed), said } };
  return {
    class: result === undefined ? 'internal' : 'configuration',
    code: 'devcontainer-failed',
    details: { said: said || firstLine(message) },
  };
}

function exitIn({ text }: Case): number {
  const found = [...text.matchAll(/exit(?:ed)?(?: with)?(?: exit)? code:? (\d+)|non-zero code: (\d+)/gi)].at(
    -1,
  );
  return Number(found?.[1] ?? found?.[2] ?? 1);
}

const hostOf = (name: string): string => (/^[^/]+\.[^/]+\//.test(name) ? (name.split('/')[0] ?? '') : '');

function hostIn({ text, message, image }: Case): string {
  const [, feature = ''] = FEATURE.exec(message) ?? [];
  const [, url] = /https:\/\/([^/\s"]+)/.exec(text) ?? [];
  return hostOf(feature) || url || hostOf(image ?? '') || 'the registry';
}

function imageIn({ text, image }: Case): string {
  const [, one, other, third] =
    /pull access denied for (\S+?),|manifest for (\S+) not found|docker pull (\S+)/.exec(text) ?? [];
  return one ?? other ?? third ?? image ?? '';
}

const firstLine = (text: string): string => text.split('\n')[0]?.slice(0, 300) ?? '';

/** What the programs say of themselves. */
const NOISE =
  /^$|^at (async )?\S+ \(|^at async |^(Error: )?Command failed|IPv4 forwarding|DEPRECATED|^Running\b|^Run(:| ')|failed with exit code|Skipping any further|^---> |^Step \d+\/|^Removing intermediate|^Usage:|^Container started$|returned a non-zero code|^trap "exit 0"|^exec "\$@"|^while sleep 1|: (succeeded|failed)$/i;

/** The last lines that a person can do something with. */
function lastWords({ clues }: Case): string {
  const lines = clues.flatMap((clue) => clue.split('\n')).map((line) => line.trim());
  return lines
    .filter((line) => !NOISE.test(line))
    .slice(-3)
    .join(' / ')
    .slice(-400);
}
