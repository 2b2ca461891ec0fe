// A repository: what it is, who may do what in it, and what is in its git.
import type { Entry } from '../git.ts';
import { notFound, Refusal } from '../refusal.ts';
import { type Call, type Handlers, noContent, ok, paged } from './call.ts';
import { findAccount, roleOf } from '../model.ts';
import { nodeId, repositoryPage, repositoryUrl, showAccount, showRepository } from '../views/views.ts';

async function getCommit({ world, git, repository }: Call, ref: string) {
  const sha = await git.resolve(repository.id, ref);
  if (!sha) throw new Refusal(422, `No commit found for SHA: ${ref}`);
  const { message, author, tree, parents, date } = await git.describe(repository.id, sha);
  const url = `${repositoryUrl(world, repository)}/commits/${sha}`;
  const by = { ...author, date };
  return {
    sha,
    node_id: nodeId('C', Number.parseInt(sha.slice(0, 8), 16)),
    url,
    html_url: `${repositoryPage(world, repository)}/commit/${sha}`,
    comments_url: `${url}/comments`,
    author: null,
    committer: null,
    commit: { message, author: by, committer: by, tree: { sha: tree, url }, url, comment_count: 0 },
    parents: parents.map((parent) => ({ sha: parent, url })),
  };
}

function showEntry({ world, repository, query }: Call, path: string, entry: Entry) {
  const ref = query['ref'] ?? repository.defaultBranch;
  const links = (at: string) => {
    const self = `${repositoryUrl(world, repository)}/contents/${at}?ref=${ref}`;
    const html = `${repositoryPage(world, repository)}/blob/${ref}/${at}`;
    return {
      url: self,
      html_url: html,
      git_url: null,
      download_url: null,
      _links: { self, html, git: null },
    };
  };
  if (entry.type === 'dir') {
    return entry.entries.map((one) => {
      const at = path ? `${path}/${one.name}` : one.name;
      return { type: one.type, name: one.name, path: at, sha: one.sha, size: one.size, ...links(at) };
    });
  }
  return {
    type: 'file',
    encoding: 'base64',
    content: entry.content.toString('base64').replace(/.{1,60}/g, '$&\n'),
    name: path.split('/').at(-1) ?? path,
    path,
    sha: entry.sha,
    size: entry.content.length,
    ...links(path),
  };
}

export const repositoryHandlers: Handlers = {
  'repos/get'(call) {
    const { world, repository, caller } = call;
    const mine = caller.kind === 'user' ? roleOf(repository, caller.account).permission : undefined;
    const permissions = { admin: mine === 'admin', push: mine === 'write' || mine === 'admin', pull: true };
    return ok({ ...showRepository(world, repository), ...(mine && { permissions }) });
  },
  'repos/check-collaborator'({ world, repository, params }) {
    const account = findAccount(world, params['username'] ?? '');
    if (!account) throw notFound();
    if (repository.owner !== account && !repository.collaborators.has(account.id)) throw notFound();
    return noContent();
  },
  'repos/get-collaborator-permission-level'({ world, repository, params }) {
    const account = findAccount(world, params['username'] ?? '');
    if (!account) throw notFound();
    if (account.type !== 'User') throw new Refusal(404, `${account.login} is not a user`);
    const { permission, roleName } = roleOf(repository, account);
    return ok({
      permission,
      role_name: roleName,
      user: { ...showAccount(world, account), role_name: roleName },
    });
  },
  async 'repos/list-branches'(call) {
    const branches = await call.git.branches(call.repository.id);
    const url = `${repositoryUrl(call.world, call.repository)}/commits`;
    return paged(call, branches, ({ name, sha }) => ({
      name,
      commit: { sha, url: `${url}/${sha}` },
      protected: false,
    }));
  },
  async 'repos/get-branch'(call) {
    const name = call.params['branch'] ?? '';
    const sha = await call.git.resolve(call.repository.id, `refs/heads/${name}`);
    if (!sha) throw new Refusal(404, 'Branch not found');
    const self = `${repositoryUrl(call.world, call.repository)}/branches/${name}`;
    const links = { self, html: `${repositoryPage(call.world, call.repository)}/tree/${name}` };
    return ok({ name, commit: await getCommit(call, sha), _links: links, protected: false });
  },
  'repos/get-commit': async (call) => ok(await getCommit(call, call.params['ref'] ?? '')),
  async 'git/get-ref'(call) {
    const ref = `refs/${call.params['ref']}`;
    const sha = await call.git.resolve(call.repository.id, ref);
    if (!sha) throw notFound();
    const url = `${repositoryUrl(call.world, call.repository)}/git/${ref}`;
    return ok({ ref, node_id: nodeId('REF', 1), url, object: { type: 'commit', sha, url } });
  },
  async 'repos/get-content'(call) {
    const path = (call.params['path'] ?? '').replace(/^\/|\/$/g, '');
    const ref = call.query['ref'] ?? call.repository.defaultBranch;
    if (!(await call.git.resolve(call.repository.id, ref))) {
      throw new Refusal(
        404,
        call.query['ref'] ? `No commit found for the ref ${ref}` : 'This repository is empty.',
      );
    }
    const entry = await call.git.read(call.repository.id, ref, path);
    if (!entry) throw notFound();
    return ok(showEntry(call, path, entry));
  },
};
