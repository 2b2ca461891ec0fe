// Puts the work of a checkout on a branch of its repository, because somebody asked for that: commits what nobody has committed, and
// pushes. It runs nothing that the checkout names, and overwrites nobody's work. Knows no workspace's state.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { DesiredPush, PushFailure, PushResult } from '../protocol.ts';
import { redact } from '../redact.ts';
import type { Outcome } from '../system/run.ts';
import { ask, findHead, look, type Git } from './git.ts';
import { PUSH_TIMEOUT_MS, talk } from './remote.ts';
import { addFiles, inParts, listNew, withScratch, type Scratch } from './scratch.ts';

export interface Pushing extends Pick<DesiredPush, 'branch' | 'subject' | 'author'> {
  git: Git;
  checkout: string;
  /** `Name <mail>`, of who worked on it beside the author. */
  coAuthor?: string | undefined;
}

/** There is no push, and this is why. */
class PushError extends Error {
  override readonly name = 'PushError';
  readonly code: PushFailure;
  constructor(code: PushFailure, said = '') {
    super(said);
    this.code = code;
  }
}

const MAX_SAID = 500;

/**
 * Afterwards the branch is checked out, with all changes in its commits: tracked files and new ones, but for what git is told to
 * ignore. Repeatable, also after a crash in the middle. Nobody may work in the checkout meanwhile. Rejects with the signal's reason only.
 */
export async function pushWork(pushing: Pushing): Promise<PushResult> {
  const { git, checkout } = pushing;
  // A name that nobody counts as work, and that is cleared up after a crash.
  const path = join(dirname(checkout), `.saving-${randomBytes(6).toString('hex')}`);
  try {
    const objects = resolve(checkout, await ask(git, checkout, ['rev-parse', '--git-path', 'objects']));
    return await withScratch(git, checkout, path, (scratch) => commitAndPush(pushing, scratch), objects);
  } catch (error) {
    git.signal?.throwIfAborted();
    const code = error instanceof PushError ? error.code : 'git-failed';
    const said = redact(error instanceof Error ? error.message.trim() : String(error)).slice(-MAX_SAID);
    return { failure: { code, ...(said !== '' && { said }) } };
  }
}

async function commitAndPush(pushing: Pushing, scratch: Scratch): Promise<PushResult> {
  const { git, checkout, branch } = pushing;
  const head = await findHead(git, checkout);
  if (head === undefined) throw new PushError('nothing-changed');
  await checkFinished(pushing, scratch);
  const commit = await commitChanges(pushing, scratch, head);
  const not = ['--not', `--exclude=*/${branch}`, '--remotes'];
  if ((await ask(git, checkout, ['rev-list', '--count', commit, ...not])) === '0')
    throw new PushError('nothing-changed');
  await checkOut(pushing, commit);
  const args = ['--no-verify', '--no-signed', '--no-follow-tags', '--recurse-submodules=no'];
  const ref = `${commit}:refs/heads/${branch}`;
  const outcome = await talk(git, scratch.path, PUSH_TIMEOUT_MS, [
    'push',
    ...args,
    '--',
    git.repository,
    ref,
  ]);
  if (outcome.code !== 0) throw explain(outcome);
  return { commit, subject: (await ask(git, checkout, ['log', '-1', '--format=%s', commit])).slice(0, 400) };
}

const IN_THE_MIDDLE = /^(MERGE_HEAD|CHERRY_PICK_HEAD|REVERT_HEAD|rebase-merge|rebase-apply)$/;

/** Half of a merge is nobody's commit. */
async function checkFinished({ git, checkout }: Pushing, scratch: Scratch): Promise<void> {
  const gitDir = await ask(git, checkout, ['rev-parse', '--absolute-git-dir']);
  const isInTheMiddle = (await readdir(gitDir)).some((name) => IN_THE_MIDDLE.test(name));
  if (isInTheMiddle || (await scratch.git(['ls-files', '--unmerged'])) !== '')
    throw new PushError('unfinished');
}

/** HEAD itself if nothing is changed. */
async function commitChanges(pushing: Pushing, scratch: Scratch, head: string): Promise<string> {
  const { subject, author, coAuthor } = pushing;
  await scratch.git(['add', '--update', '--', '.']);
  await addFiles(scratch, await listNew(scratch));
  const tree = await scratch.git(['write-tree', '--missing-ok']);
  if (tree === (await scratch.git(['rev-parse', `${head}^{tree}`]))) return head;
  await checkFilters(scratch, head, tree);
  const message = coAuthor === undefined ? subject : `${subject}\n\nCo-authored-by: ${coAuthor}`;
  return scratch.git(
    ['commit-tree', '--no-gpg-sign', tree, '-p', head, '-m', message],
    author && { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email },
  );
}

/** What a program of the repository's own converts is not run, and unconverted it would be something else: a large file in full. */
async function checkFilters(scratch: Scratch, head: string, tree: string): Promise<void> {
  const how = ['--name-only', '-z', '--no-renames', '--diff-filter=d', '--ignore-submodules=dirty'];
  const changed = (await scratch.git(['diff-tree', '-r', ...how, head, tree])).split('\0').filter(Boolean);
  for (const paths of inParts(changed)) {
    const found = (await scratch.git(['check-attr', '-z', 'filter', '--', ...paths])).split('\0');
    const path = found.find((_, place) => place % 3 === 0 && !NO_FILTER.has(found[place + 2] ?? ''));
    if (path !== undefined && path !== '') throw new PushError('filtered', path);
  }
}

const NO_FILTER = new Set(['', 'unspecified', 'unset', 'set']);

/** The files are as they are: what changes is which branch they are of, and what of them git calls changed. */
async function checkOut({ git, checkout, branch }: Pushing, commit: string): Promise<void> {
  const ref = `refs/heads/${branch}`;
  const before = await look(git, checkout, ['rev-parse', '--verify', '--quiet', ref]);
  const old = before.code === 0 ? before.stdout.trim() : '';
  if (old !== '' && (await look(git, checkout, ['merge-base', '--is-ancestor', old, commit])).code !== 0)
    throw new PushError('diverged');
  await ask(git, checkout, ['update-ref', '-m', 'sam: push', ref, commit, old]);
  await ask(git, checkout, ['symbolic-ref', '-m', 'sam: push', 'HEAD', ref]);
  await ask(git, checkout, ['read-tree', '-m', '-i', commit]);
}

// What the helper says comes first: git adds words of its own to it.
const CAUSES: [RegExp, PushFailure][] = [
  [/^sam: /m, 'denied'],
  [/protected branch|rule violations|cannot be modified by|Changes must be made through/i, 'protected'],
  [/non-fast-forward|fetch first/i, 'diverged'],
  [/\[remote rejected\]|declined|remote: error/i, 'refused'],
  [
    /returned error: 40[134]|denied|could not read (Username|Password)|Authentication failed|terminal prompts disabled|not found|does not appear to be|archived/i,
    'denied',
  ],
];

function explain({ stderr, isTimeout }: Outcome): PushError {
  const [, code = 'unreachable'] = (!isTimeout && CAUSES.find(([pattern]) => pattern.test(stderr))) || [];
  return new PushError(code, saidIn(stderr));
}

/** The first words that are about it. */
function saidIn(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^remote:\s*/, '').trim());
  const [said = ''] = [/^sam: /, /^error: (?!failed to push)|^GH\d+|^fatal: /, /rejected/].flatMap(
    (pattern) => lines.find((line) => pattern.test(line)) ?? [],
  );
  return said.replace(/^(sam|error|fatal): /, '');
}
