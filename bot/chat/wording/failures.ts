// What people are told of a failure: what happened, whose side it is on, what to type next. Knows no front and no row.
import type { AgentFailures, Failure } from '../../../agent/protocol.ts';
import type { FailureCodes, Side } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import { wordExceeded, wordRaise, wordWayOn } from './maxima.ts';
import { findWords, plural, type Say, type Wording } from './words.ts';

/** `name`: of the workspace that it is about. */
type OfWorkspace<Codes> = { [Code in keyof Codes]: Codes[Code] & { name: string } };

const retry = ({ name }: { name: string }): string => `retry ${name}`;

/** What was mended takes a new beginning, also where a container for repairs runs. */
const restart = ({ name }: { name: string }): string => `restart ${name}`;

const shown = (text: string): string => plain(text.replaceAll(/\s+/g, ' ').trim(), 600);

/** What somebody else said, as the end of a sentence. */
function quote(said: string): string {
  const text = /[\p{L}\p{N}]/u.test(said) ? shown(said) : 'nothing was said';
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

const hostOf = (host: string): string => shown(host) || 'the node itself';

const registry = (host: string): string => shown(host) || 'The registry';

const UNSAVED: Record<AgentFailures['not-saved']['why'], (host: string) => string> = {
  'no-commit': () => 'git could not make a commit of it',
  gone: (host) => `${host} took it and does not have it`,
  denied: (host) => `${host} did not let Sam push`,
  refused: (host) => `${host} refused the push`,
  unreachable: (host) => `${host} could not be reached`,
};

const AGENT: Wording<OfWorkspace<AgentFailures>> = {
  broken: (of) => ({
    text: 'Something broke on our side while the node worked on this workspace.',
    next: retry(of),
  }),
  'disk-full': (of, say) => ({
    text: `The node's disk is full. Delete a workspace that you no longer need (${say('rm NAME')}).`,
    next: retry(of),
  }),
  'no-git': (of) => ({ text: 'Git is not installed on the machine. Install it there.', next: retry(of) }),
  'untrusted-host': ({ host, ...of }) => ({
    text: `The certificate of ${hostOf(host)} is not one that the node trusts. Mend it there or on the node.`,
    next: retry(of),
  }),
  'no-password': ({ repository, ...of }) => ({
    text: `${shown(repository)} needs a password, or does not exist. Check the name, and that Sam may read it.`,
    next: retry(of),
  }),
  'no-ref': ({ repository, ref, ...of }) => ({
    text: `There is no branch, tag or commit \`${shown(ref)}\` in ${shown(repository)}. Push it, or name another one with \`--ref\`.`,
    next: retry(of),
  }),
  'foreign-repository': ({ repository, ...of }) => ({
    text: `${shown(repository)} belongs to another user, and git refuses such folders. Allow it on the node: \`git config --global --add safe.directory '${shown(repository)}'\`.`,
    next: retry(of),
  }),
  'not-a-repository': ({ repository, ...of }) => ({
    text: `${shown(repository)} is not a git repository. Run \`git init\` there, or name another one.`,
    next: retry(of),
  }),
  'no-such-repository': ({ repository, ...of }) => ({
    text: `${shown(repository)} does not exist, or Sam may not see it. Check the name.`,
    next: retry(of),
  }),
  'no-address': ({ host, ...of }) => ({
    text: `The machine found no address for ${hostOf(host)}. Check the name, and that the machine is online.`,
    next: retry(of),
  }),
  'silent-host': ({ host, ...of }) => ({
    text: `${hostOf(host)} sent nothing for too long.`,
    next: retry(of),
  }),
  'broken-connection': ({ host, ...of }) => ({
    text: `The connection to ${hostOf(host)} broke.`,
    next: retry(of),
  }),
  'git-failed': ({ repository, said, ...of }) => ({
    text: `Git could not clone ${shown(repository)}: ${quote(said)}`,
    next: retry(of),
  }),
  'git-refused': ({ said, ...of }) => ({ text: quote(said), next: retry(of) }),
  'bad-repository': (of) => ({
    text: 'The repository must be an https URL or an absolute path on the node. Check it.',
    next: retry(of),
  }),
  'bad-ref': ({ ref, ...of }) => ({
    text: `\`${shown(ref)}\` is not a name that git knows. Name a branch, tag or commit with \`--ref\`.`,
    next: retry(of),
  }),
  'commit-gone': ({ commit, ...of }, say) => ({
    text: `The commit \`${shown(commit).slice(0, 7)}\` cannot be had any more: somebody has pushed over it. Say ${say('up')} again to take the one that is there now.`,
    next: retry(of),
  }),
  'loose-commit': ({ ref, ...of }, say) => ({
    text: `\`${shown(ref)}\` is on no branch and no tag of this repository, so it may be anybody's. Name a branch with \`--ref\`, or the pull request: ${say('up #7')}.`,
    next: retry(of),
  }),
  'no-user': ({ program, said, ...of }) => ({
    text: `This workspace cannot have a user of its own on the node (${shown(program)}: ${shown(said)}). If it says this again, tell whoever runs Sam.`,
    next: retry(of),
  }),
  'foreign-files': ({ path, name }) => ({
    text: `Some files of this workspace belong to another user. Remove them on the node: \`sudo rm -rf ${shown(path)}\`.`,
    next: `rm ${name} --force`,
  }),
  'processes-live': ({ count, ...of }) => ({
    text: `${count === 1 ? 'One process of this workspace does' : `${count} processes of this workspace do`} not end, even when killed: another user may own it, or it hangs in the kernel. End it on the node.`,
    next: retry(of),
  }),
  'unknown-work': ({ name }) => ({
    text: 'Git could not say whether work would be lost, so nothing was deleted.',
    next: `rm ${name} --force`,
  }),
  'engine-unavailable': (of) => ({
    text: 'The container engine of the node does not answer, so the container cannot be reached. Whoever runs the node can see why in its log.',
    next: restart(of),
  }),
  'no-compose': (of) => ({
    text: 'The configuration names a compose file, and the node has no Docker Compose. Install it on the node, or name an image or a Dockerfile instead.',
    next: restart(of),
  }),
  'out-of-memory': ({ during, ...of }, say) => ({
    text: `It ran out of memory (step: ${shown(during)}). A larger machine may do: ${say('up --size large --new')}.`,
    next: restart(of),
  }),
  'registry-unavailable': ({ host, why, ...of }) => ({
    text: `${registry(host)} could not be reached or could not answer (${shown(why)}), also when asked again.`,
    next: restart(of),
  }),
  'registry-limited': ({ host, ...of }) => ({
    text: `${registry(host)} wants fewer requests for a while. Wait some minutes.`,
    next: restart(of),
  }),
  'registry-denied': ({ host, what, ...of }) => ({
    text: `${registry(host)} does not give ${what ? `\`${shown(what)}\`` : 'what the configuration asks for'} to strangers, or does not have it. Check its name; if it is private, the node must be signed in there.`,
    next: restart(of),
  }),
  'registry-untrusted': ({ host, ...of }) => ({
    text: `The certificate of ${registry(host)} is not one that the node trusts. Mend it there or on the node.`,
    next: restart(of),
  }),
  'no-image': ({ image, ...of }) => ({
    text: `There is no image ${image ? `\`${shown(image)}\`` : 'of that name'}. Correct its name in the configuration.`,
    next: restart(of),
  }),
  'no-feature': ({ feature, ...of }) => ({
    text: `The feature \`${shown(feature)}\` of the configuration could not be found. Correct its name or version.`,
    next: restart(of),
  }),
  'devcontainer-broken': ({ path, said, ...of }) => ({
    text: `\`${shown(path)}\` cannot be read: ${quote(said)}`,
    next: restart(of),
  }),
  'no-devcontainer': ({ what, choices, ...of }) => ({
    text: `The repository has no configuration \`${shown(what)}\`. ${choices ? `It has: ${shown(choices)}.` : 'It has none at all.'}`,
    next: restart(of),
  }),
  'devcontainer-file-missing': ({ path, file, ...of }) => ({
    text: `\`${shown(path)}\` names \`${shown(file)}\`, which is not there.`,
    next: restart(of),
  }),
  'devcontainer-build-failed': ({ exit, said, ...of }) => ({
    text: `The image of the repository's configuration could not be built (exit code ${exit}): ${quote(said)}`,
    next: restart(of),
  }),
  'devcontainer-feature-failed': ({ feature, said, ...of }) => ({
    text: `${feature ? `The feature \`${shown(feature)}\`` : 'A feature'} of the configuration could not be installed: ${quote(said)}`,
    next: restart(of),
  }),
  'devcontainer-hook-failed': ({ hook, exit, said, ...of }) => ({
    text: `The container is there, but its \`${shown(hook)}\` failed (exit code ${exit}): ${quote(said)}`,
    next: restart(of),
  }),
  'devcontainer-late': ({ during, minutes, ...of }) => ({
    text: `It was not ready after ${plural(minutes, 'minute')} (step: ${shown(during)}).`,
    next: restart(of),
  }),
  'no-container-user': ({ user, ...of }) => ({
    text: `The configuration names the user \`${shown(user)}\`, which its image does not have. Name one that it has as \`remoteUser\` or \`containerUser\`.`,
    next: restart(of),
  }),
  'container-exited': ({ exit, said, ...of }) => ({
    text: `The container ended as soon as it started (exit code ${exit}): ${quote(said)}`,
    next: restart(of),
  }),
  'devcontainer-failed': ({ said, ...of }) => ({
    text: `The container could not be made: ${quote(said)}`,
    next: restart(of),
  }),
  'default-image-failed': ({ said, ...of }) => ({
    text: `The image for repositories without a configuration could not be made on the node: ${quote(said)}`,
    next: restart(of),
  }),
  'not-saved': ({ why, host, ...of }) => ({
    text: `Not saved: ${UNSAVED[why](shown(host) || 'the repository')}.`,
    next: retry(of),
  }),
};

export const FAILURES: Wording<OfWorkspace<FailureCodes>> = {
  ...AGENT,
  'machine-late': (of) => ({ text: 'Its machine was not ready in time.', next: retry(of) }),
  'machine-lost': (of) => ({
    text: 'Its machine is gone, and what was not pushed with it.',
    next: retry(of),
  }),
  'machine-missing': (of) => ({ text: 'The provider did not make the machine.', next: retry(of) }),
  'machine-vanished': (of) => ({ text: 'The machine vanished while it was starting.', next: retry(of) }),
  'machine-deleted': (of) => ({
    text: 'The machine is gone: somebody or something deleted it.',
    next: retry(of),
  }),
  'machine-mute': (of) => ({ text: 'The machine started, but its agent never called.', next: retry(of) }),
  'name-missing': (of) => ({ text: 'The machine is up, but its name could not be made.', next: retry(of) }),
  'boot-failed': ({ step, said, ...of }) => ({
    text: `The machine could not be set up: its step "${shown(step)}" failed: ${quote(said)}`,
    next: retry(of),
  }),
  'provider-quota': ({ said, ...of }) => ({
    text: `There is no room for another machine: ${quote(said)}`,
    next: retry(of),
  }),
  'provider-refused': ({ said, ...of }) => ({
    text: `The provider refused: ${quote(said)}`,
    next: retry(of),
  }),
  'provider-unavailable': ({ said, ...of }) => ({
    text: `The provider could not do it: ${quote(said)}`,
    next: retry(of),
  }),
  'strange-account': ({ said, machine, ...of }, say) => ({
    text: `The provider refused: ${quote(said)} If all of it was deleted by hand, say so at the console of Sam, for each: ${say(`node rm ${shown(machine)} --gone`)}.`,
    next: retry(of),
  }),
  'dns-failed': ({ said, ...of }) => ({
    text: `The name of the machine could not be looked after: ${quote(said)}`,
    next: retry(of),
  }),
  'preparing-late': ({ step, ...of }) => ({
    text: `It was not ready in time${step ? ` (step: ${shown(step)})` : ''}.`,
    next: retry(of),
  }),
  'stop-unknown': (of) => ({
    text: 'Its machine did not answer, so nobody knows whether it stopped.',
    next: retry(of),
  }),
  'agent-unsaid': (of) => ({ text: 'The agent gave up without saying why.', next: retry(of) }),
  'over-limit': ({ name, ...exceeded }, say) => ({
    text: [wordExceeded(exceeded), wordWayOn(exceeded, say), wordRaise(exceeded, say, undefined)]
      .filter(Boolean)
      .join(' '),
    next: retry({ name }),
  }),
  'too-many-machines': ({ count, ...of }, say) => ({
    text: `You have ${count} machine${count === 1 ? '' : 's'} already, which is the most a person may have. A machine goes with its last workspace: delete one that you do not need (${say('rm NAME')}; ${say('list')} shows yours).`,
    next: retry(of),
  }),
};

const SIDES: Record<Side, string> = {
  transient: 'temporary, not your doing',
  configuration: 'yours to mend',
  provider: 'the machine, not your doing',
  internal: 'our side',
};

interface FailureWords {
  text: string;
  /** Whose side it is on. */
  side: string;
  /** The line to type next, without a trigger. */
  next: string;
}

/** `name`: of the workspace. What another version wrote, and what nobody wrote, has words too. */
export function wordFailure(failure: Failure | null | undefined, name: string, say: Say): FailureWords {
  const words = failure && findWords(FAILURES, { ...failure, details: { ...failure.details, name } }, say);
  return {
    text: words?.text ?? (failure?.message || 'Something broke.'),
    side: SIDES[failure?.class ?? 'internal'],
    next: words?.next ?? retry({ name }),
  };
}
