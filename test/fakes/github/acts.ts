// What people do on GitHub, as sentences: each changes the state and gives the delivery that the App gets of it.
import type { Files, Git } from './git.ts';
import type { Delivery, Hooks } from './hooks.ts';
import { ensureLabel, findLabel } from './rest/call.ts';
import { noreply, type Stage } from './stage.ts';
import {
  type Account,
  type CheckRun,
  type Comment,
  type Installation,
  type Json,
  type Level,
  type Repository,
  type Spot,
  type Thread,
  type World,
  covers,
  nameOf,
} from './model.ts';
import { showCheck } from './views/work.ts';
import { nodeId, showAccount, showInstallation } from './views/views.ts';

export type CommentDelivery = Delivery & { comment: Comment };

export interface Acts extends InstallationActs {
  comment: (thread: Thread, by: string, body: string) => Promise<CommentDelivery>;
  /** On a line of a pull request's diff. */
  reviewComment: (thread: Thread, by: string, body: string, spot?: Spot) => Promise<CommentDelivery>;
  editComment: (comment: Comment, by: string, body: string) => Promise<Delivery>;
  deleteComment: (comment: Comment, by: string) => Promise<Delivery>;
  label: (thread: Thread, by: string, name: string) => Promise<Delivery>;
  unlabel: (thread: Thread, by: string, name: string) => Promise<Delivery>;
  close: (thread: Thread, by: string) => Promise<Delivery>;
  reopen: (thread: Thread, by: string) => Promise<Delivery>;
  merge: (thread: Thread, by: string) => Promise<Delivery>;
  convertToDraft: (thread: Thread, by: string) => Promise<Delivery>;
  readyForReview: (thread: Thread, by: string) => Promise<Delivery>;
  /** A commit on the pull request's branch. */
  push: (thread: Thread, by: string, files?: Files) => Promise<Delivery>;
  pressButton: (check: CheckRun, by: string, identifier: string) => Promise<Delivery>;
  rename: (repository: Repository, by: string, name: string) => Promise<Delivery>;
  transfer: (repository: Repository, by: string, to: string) => Promise<Delivery>;
  deleteRepository: (repository: Repository, by: string) => Promise<Delivery>;
}

interface InstallationActs {
  /** Tells of an installation that is there. */
  installed: (installation: Installation, by: string) => Promise<Delivery>;
  suspend: (installation: Installation, by: string) => Promise<Delivery>;
  unsuspend: (installation: Installation, by: string) => Promise<Delivery>;
  uninstall: (installation: Installation, by: string) => Promise<Delivery>;
  /** Somebody accepted other permissions. */
  acceptPermissions: (
    installation: Installation,
    by: string,
    permissions: Record<string, Level>,
  ) => Promise<Delivery>;
  addToInstallation: (installation: Installation, by: string, repository: Repository) => Promise<Delivery>;
  removeFromInstallation: (
    installation: Installation,
    by: string,
    repository: Repository,
  ) => Promise<Delivery>;
}

export function createActs(world: World, git: Git, hooks: Hooks, stage: Stage): Acts {
  const someone = (login: string): Account => stage.account(login);

  async function write(
    kind: Comment['kind'],
    thread: Thread,
    by: string,
    body: string,
    spot?: Spot,
  ): Promise<CommentDelivery> {
    const now = world.now();
    const comment: Comment = {
      id: world.nextId(),
      kind,
      thread,
      author: someone(by),
      body,
      byApp: false,
      minimized: null,
      deleted: false,
      createdAt: now,
      updatedAt: now,
      ...(spot && { spot }),
    };
    world.comments.push(comment);
    thread.updatedAt = now;
    return Object.assign(await hooks.aboutComment('created', comment, someone(by)), { comment });
  }

  function turn(thread: Thread, state: Thread['state']): void {
    if (thread.state === state) throw new Error(`#${thread.number} is ${state} already`);
    thread.state = state;
    thread.closedAt = state === 'closed' ? world.now() : null;
    thread.updatedAt = world.now();
  }

  function setDraft(thread: Thread, by: string, draft: boolean): Promise<Delivery> {
    thread.draft = draft;
    return hooks.aboutThread(draft ? 'converted_to_draft' : 'ready_for_review', thread, someone(by));
  }

  return {
    comment: (thread, by, body) => write('issue', thread, by, body),
    reviewComment: (thread, by, body, spot) => write('review', thread, by, body, spot),
    editComment(comment, by, body) {
      const from = comment.body;
      comment.body = body;
      comment.updatedAt = world.now();
      return hooks.aboutComment('edited', comment, someone(by), { changes: { body: { from } } });
    },
    deleteComment(comment, by) {
      comment.deleted = true;
      return hooks.aboutComment('deleted', comment, someone(by));
    },
    label(thread, by, name) {
      const label = ensureLabel(world, thread.repository, name);
      if (!thread.labels.includes(label.name)) thread.labels.push(label.name);
      return hooks.aboutLabel('labeled', thread, label.name, someone(by));
    },
    unlabel(thread, by, name) {
      const label = findLabel(thread.repository, name);
      if (!label || !thread.labels.includes(label.name))
        throw new Error(`#${thread.number} has no label ${name}`);
      thread.labels = thread.labels.filter((one) => one !== label.name);
      return hooks.aboutLabel('unlabeled', thread, label.name, someone(by));
    },
    close(thread, by) {
      turn(thread, 'closed');
      return hooks.aboutThread('closed', thread, someone(by));
    },
    reopen(thread, by) {
      turn(thread, 'open');
      return hooks.aboutThread('reopened', thread, someone(by));
    },
    async merge(thread, by) {
      const { head, base, repository, number } = thread;
      if (!head || !base) throw new Error(`#${number} is no pull request`);
      const message = `Merge pull request #${number} from ${head.repository.owner.login}/${head.ref}`;
      thread.mergeCommit = await git.merge(repository.id, base.ref, head.sha, message, noreply(someone(by)));
      thread.merged = true;
      turn(thread, 'closed');
      return hooks.aboutThread('closed', thread, someone(by));
    },
    convertToDraft: (thread, by) => setDraft(thread, by, true),
    readyForReview: (thread, by) => setDraft(thread, by, false),
    async push(thread, by, files = { 'more.txt': `${world.nextId()}\n` }) {
      const { head } = thread;
      if (!head) throw new Error(`#${thread.number} is no pull request`);
      const before = head.sha;
      const after = await stage.commit(nameOf(head.repository), by, files, { branch: head.ref });
      return hooks.aboutThread('synchronize', thread, someone(by), { before, after });
    },
    pressButton(check, by, identifier) {
      const button = check.actions.find((one) => one.identifier === identifier);
      if (!button) throw new Error(`the check ${check.name} has no button ${identifier}`);
      const parts = { check_run: showCheck(world, check), requested_action: { identifier } };
      return hooks.about('check_run', 'requested_action', check.repository, someone(by), parts);
    },
    rename(repository, by, name) {
      const from = repository.name;
      world.moved.set(nameOf(repository).toLowerCase(), repository.id);
      repository.name = name;
      const changes = { repository: { name: { from } } };
      return hooks.about('repository', 'renamed', repository, someone(by), { changes });
    },
    transfer(repository, by, to) {
      const owner = repository.owner;
      world.moved.set(nameOf(repository).toLowerCase(), repository.id);
      repository.owner = someone(to);
      const kind = owner.type === 'Organization' ? 'organization' : 'user';
      const changes = { owner: { from: { [kind]: showAccount(world, owner) } } };
      return hooks.about('repository', 'transferred', repository, someone(by), { changes });
    },
    async deleteRepository(repository, by) {
      const delivery = await hooks.about('repository', 'deleted', repository, someone(by), {});
      repository.deleted = true;
      return delivery;
    },
    ...createInstallationActs(world, hooks, someone),
  };
}

function createInstallationActs(
  world: World,
  hooks: Hooks,
  someone: (login: string) => Account,
): InstallationActs {
  /** What an installation event tells of a repository. */
  const mention = (repository: Repository): Json => ({
    id: repository.id,
    node_id: nodeId('R', repository.id),
    name: repository.name,
    full_name: nameOf(repository),
    private: repository.private,
  });

  function aboutInstallation(action: string, installation: Installation, by: string): Promise<Delivery> {
    const repositories = world.repositories.filter((one) => covers(installation, one));
    const parts = {
      installation: showInstallation(world, installation),
      repositories: repositories.map(mention),
    };
    return hooks.aboutInstallation('installation', action, installation, someone(by), parts);
  }

  function select(
    action: 'added' | 'removed',
    installation: Installation,
    by: string,
    repository: Repository,
  ) {
    const { repositories } = installation;
    if (repositories === 'all') throw new Error('this installation covers all repositories');
    if (action === 'added') repositories.add(repository.id);
    else repositories.delete(repository.id);
    const parts = {
      installation: showInstallation(world, installation),
      repository_selection: 'selected',
      repositories_added: action === 'added' ? [mention(repository)] : [],
      repositories_removed: action === 'removed' ? [mention(repository)] : [],
      requester: null,
    };
    return hooks.aboutInstallation('installation_repositories', action, installation, someone(by), parts);
  }

  return {
    installed: (installation, by) => aboutInstallation('created', installation, by),
    suspend(installation, by) {
      installation.suspendedAt = world.now();
      return aboutInstallation('suspend', installation, by);
    },
    unsuspend(installation, by) {
      installation.suspendedAt = null;
      return aboutInstallation('unsuspend', installation, by);
    },
    uninstall(installation, by) {
      world.installations = world.installations.filter((one) => one !== installation);
      for (const [key, token] of world.tokens) {
        if (token.kind === 'installation' && token.installation === installation) world.tokens.delete(key);
      }
      return aboutInstallation('deleted', installation, by);
    },
    acceptPermissions(installation, by, permissions) {
      installation.permissions = { metadata: 'read', ...permissions };
      return aboutInstallation('new_permissions_accepted', installation, by);
    },
    addToInstallation: (installation, by, repository) => select('added', installation, by, repository),
    removeFromInstallation: (installation, by, repository) => select('removed', installation, by, repository),
  };
}
