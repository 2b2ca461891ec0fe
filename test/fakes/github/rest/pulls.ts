// Pull requests that a program opens. What GitHub refuses of them, and in which words.
import { invalid, Refusal } from '../refusal.ts';
import { nameOf, type Repository } from '../model.ts';
import { addThread } from '../stage.ts';
import { showPull } from '../views/threads.ts';
import { actor, type Call, type Handlers, textIn } from './call.ts';

/** GitHub's limits, in characters. */
const longestTitle = 256;
const longestBody = 65_536;

const custom = (message: string): Refusal =>
  new Refusal(422, 'Validation Failed', {
    errors: [{ resource: 'PullRequest', code: 'custom', message }],
  });

/** `branch`, `owner:branch`. Undefined: there is none. */
async function findBranch({ world, git, repository }: Call, head: string) {
  const [, owner, branch = ''] = /^(?:([^:]+):)?(.+)$/.exec(head) ?? [];
  const home: Repository | undefined =
    owner === undefined || owner.toLowerCase() === repository.owner.login.toLowerCase()
      ? repository
      : world.repositories.find(
          (one) => one.owner.login.toLowerCase() === owner.toLowerCase() && one.parent === repository,
        );
  const sha = home && (await git.resolve(home.id, `refs/heads/${branch}`));
  return home && sha ? { repository: home, ref: branch, sha } : undefined;
}

export const pullHandlers: Handlers = {
  async 'pulls/create'(call) {
    const { world, git, repository, body, hooks } = call;
    const title = textIn(body, 'title') ?? '';
    if (title.trim() === '') throw invalid('PullRequest', 'title', 'missing_field');
    if (title.length > longestTitle)
      throw custom(`title is too long (maximum is ${longestTitle} characters)`);
    const text = textIn(body, 'body') ?? null;
    if ((text ?? '').length > longestBody)
      throw custom(`body is too long (maximum is ${longestBody} characters)`);
    const into = textIn(body, 'base') ?? '';
    const baseSha = await git.resolve(repository.id, `refs/heads/${into}`);
    if (!baseSha) throw invalid('PullRequest', 'base', 'invalid');
    const head = await findBranch(call, textIn(body, 'head') ?? '');
    if (!head) throw invalid('PullRequest', 'head', 'invalid');
    const isOpen = world.threads.some(
      (one) =>
        one.repository === repository &&
        one.state === 'open' &&
        one.head?.repository === head.repository &&
        one.head.ref === head.ref &&
        one.base?.ref === into,
    );
    const owner = head.repository.owner.login;
    if (isOpen) throw custom(`A pull request already exists for ${owner}:${head.ref}.`);
    if (await git.isReached(head.repository.id, head.sha, baseSha))
      throw custom(`No commits between ${into} and ${head.ref}`);
    const thread = addThread(world, repository, actor(call), {
      kind: 'pull',
      title,
      body: text,
      draft: body['draft'] === true,
      head,
      base: { ref: into, sha: baseSha },
    });
    await git.copy(head.repository.id, head.sha, repository.id, `refs/pull/${thread.number}/head`);
    hooks.echo(() => hooks.aboutThread('opened', thread, actor(call)));
    const shown = showPull(world, thread);
    const headers = {
      location: `${call.url.origin}/api/v3/repos/${nameOf(repository)}/pulls/${thread.number}`,
    };
    return { status: 201, body: shown, headers };
  },
};
