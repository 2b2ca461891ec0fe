// Pull requests from forks: a maintainer lets in one commit; whatever is pushed after it needs a word of its own. Asks
// nobody: who may say so was asked before.
import type { Notice } from '../codes.ts';
import type { Fork, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { ParsedCommand } from '../commands/parser/parsed.ts';
import type { Say } from '../commands/say.ts';
import type { Scene } from '../commands/context.ts';
import type { Repository } from '../forges/forge.ts';

const short = (commit: string): string => commit.slice(0, 7);

/**
 * What the row keeps of the fork; undefined: it is none. Throws UserError unless the present head was let in, now by
 * `--trust-fork` or earlier for `held`.
 */
export function letIn(
  command: ParsedCommand,
  scene: Scene,
  repository: Repository,
  held: Workspace | undefined,
): Fork | undefined {
  const flag = command.flags['trust-fork'];
  const said = typeof flag === 'string' ? flag : undefined;
  const { fork } = repository;
  if (!fork) {
    if (said !== undefined) throw noFork(scene.say);
    return undefined;
  }
  if (command.flags['ref'] !== undefined)
    throw new UserError(
      'fork',
      `On a pull request from a fork there is nothing but its own commit. A branch of \`${repository.label}\`: ${scene.say(`up ${repository.label}@BRANCH`)}.`,
    );
  const line = lineFor(scene, repository, fork.head);
  if (said !== undefined && said !== fork.head)
    throw new UserError(
      'other-head',
      `\`${short(said)}\` is not the head of this pull request; that is \`${short(fork.head)}\` now. If you have read it: ${line}.`,
    );
  if (said === undefined && held?.fork?.trusted !== fork.head)
    throw new UserError(
      'fork',
      `This pull request comes from a fork (\`${fork.from ?? 'deleted'}\`), so I won't run its code with your credentials. A maintainer who has read \`${short(fork.head)}\` can start it without any: ${line}.`,
    );
  return { ...fork, trusted: fork.head };
}

/** Without the place where it would mean the same. */
function lineFor({ say, place }: Scene, { label, goal = '' }: Repository, head: string): string {
  const topic = `${label}#${goal.split(':')[1]}`;
  return say(`up ${place.topic === topic ? '' : `${topic} `}--trust-fork ${head}`);
}

const noFork = (say: Say): UserError =>
  new UserError(
    'no-fork',
    `\`--trust-fork\` is for a pull request from a fork, and this is none. Without it: ${say('up')}.`,
  );

/** `--trust-fork` is about a pull request: a workspace's name does not tell whose word would count. */
export function refuseTrustByName({ flags }: ParsedCommand, { say }: Scene): void {
  if (flags['trust-fork'] !== undefined) throw noFork(say);
}

/** Throws UserError if its pull request has moved on since a maintainer let its commit in. */
export function checkGate({ name, fork, topic }: Workspace, { say }: Scene): void {
  if (!fork || fork.head === fork.trusted) return;
  throw new UserError(
    'fork',
    `Somebody pushed to the fork of \`${name}\`: its pull request is at \`${short(fork.head)}\`, and a maintainer let in \`${short(fork.trusted)}\`. One who has read it can go on: ${say(`up ${topic} --trust-fork ${fork.head}`)}.`,
  );
}

/** For the card: the files are those of another commit than the one that was let in. Null: they are its own. */
export function noticesOfFiles({ commit, reported, topic }: Workspace, { head }: Fork): Notice[] | null {
  if (!commit || commit === head || reported?.commit === undefined) return null;
  return [{ code: 'fork-files', details: { commit, head, pull: topic?.split('#')[1] ?? '' } }];
}
