// Saves work in its repository before a deletion that nobody asked for. Knows no workspace's state, and deletes nothing.
import { WorkspaceError } from '../failure.ts';
import { hostOf } from './git.ts';
import type { AgentFailures, Saved, Work } from '../protocol.ts';
import { redact } from '../redact.ts';
import type { Outcome } from '../system/run.ts';
import { countTrees, sum } from './counting.ts';
import { PUSH_TIMEOUT_MS, talk } from './remote.ts';
import { commitWork, isSaved, type Saving } from './saving-commits.ts';
import { removeTree } from '../system/trees.ts';

const ASK_TIMEOUT_MS = 60_000;

/** One ref a workspace, so that a second saving takes the place of the first, and nobody's branch is touched. */
export const refOf = (id: string): string => `refs/sam/${id}`;

export interface SavingResult {
  saved: Saved;
  /** What `saved` does not hold, of the work that was found. */
  left: Work;
}

/**
 * Pushes what is committed or tracked to `refs/sam/<id>` of the repository, and asks the remote whether it is there.
 * Repeatable, also after a crash in the middle. Nobody may work in the checkout meanwhile. Throws `WorkspaceError` with
 * why it could not be saved; nothing is lost then.
 */
export async function saveWork(saving: Saving, work: Work): Promise<SavingResult> {
  const ref = refOf(saving.id);
  try {
    const { commit, left } = await commitAll(saving, work).catch((error: unknown) => {
      throw explain(saving, 'no-commit', error);
    });
    const before = await askRemote(saving, ref);
    if (before !== commit) await push(saving, commit, ref, before);
    if ((await askRemote(saving, ref)) !== commit) throw explain(saving, 'gone');
    return { saved: { ref, commit }, left };
  } finally {
    await removeTree(saving.scratch);
  }
}

/** With more new files in `work` than git knows of: they lie beside everything. */
async function commitAll(saving: Saving, work: Work): Promise<{ commit: string; left: Work }> {
  const counted = await countTrees(saving, saving.checkout, saving);
  const { commit, untracked } = await commitWork(saving, counted);
  const left = sum(counted.map((one) => (isSaved(one.tree) ? { ...one, changed: 0, unpushed: 0 } : one)));
  return { commit, left: { ...left, untracked: work.untracked + untracked } };
}

/** The commit that the ref names; undefined: there is none yet. */
async function askRemote(saving: Saving, ref: string): Promise<string | undefined> {
  const outcome = await talk(saving, saving.scratch, ASK_TIMEOUT_MS, [
    'ls-remote',
    '--quiet',
    '--',
    saving.repository,
    ref,
  ]);
  if (outcome.code !== 0) throw explainOutcome(saving, outcome);
  const [line = ''] = outcome.stdout.split('\n').filter((one) => one.endsWith(`\t${ref}`));
  return line.split('\t')[0] || undefined;
}

async function push(saving: Saving, commit: string, ref: string, before: string | undefined): Promise<void> {
  const outcome = await talk(saving, saving.scratch, PUSH_TIMEOUT_MS, [
    'push',
    '--no-verify',
    '--no-signed',
    '--no-follow-tags',
    '--recurse-submodules=no',
    // Only over what we saw there ourselves: an earlier try of ours.
    `--force-with-lease=${ref}:${before ?? ''}`,
    '--',
    saving.repository,
    `${commit}:${ref}`,
  ]);
  if (outcome.code !== 0) throw explainOutcome(saving, outcome);
}

type Why = AgentFailures['not-saved']['why'];

const CAUSES: [RegExp, Why][] = [
  [
    /returned error: 40[134]|denied|^sam: .* may not |could not read (Username|Password)|Authentication failed|terminal prompts disabled|not found|does not appear to be|does not exist|archived/im,
    'denied',
  ],
  [/rejected|declined|remote: error|hook/i, 'refused'],
];

function explainOutcome(saving: Saving, { stderr, isTimeout }: Outcome): WorkspaceError {
  const [, why] = (!isTimeout && CAUSES.find(([pattern]) => pattern.test(stderr))) || [];
  return explain(saving, why ?? 'unreachable', new Error(stderr));
}

function explain({ repository }: Saving, why: Why, cause?: unknown): WorkspaceError {
  const said = cause instanceof Error ? redact(cause.message.slice(-2_000)) : undefined;
  const details = { why, host: hostOf(repository) };
  return new WorkspaceError({ class: 'transient', code: 'not-saved', details }, { cause: new Error(said) });
}
