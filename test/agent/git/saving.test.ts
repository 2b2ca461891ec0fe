// What is saved of a checkout before a deletion that nobody asked for, and what is not: over real git.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WorkspaceError } from '../../../agent/failure.ts';
import { cloneRepository } from '../../../agent/git/clone.ts';
import { countWork } from '../../../agent/git/counting.ts';
import type { Work } from '../../../agent/protocol.ts';
import { saveWork } from '../../../agent/git/saving.ts';
import { serveGit } from './server.ts';
import { git, makeRepository } from '../../testers/node.ts';
import { failureText } from '../../words.ts';

const ID = 'ws-abcdefghijkl';
const REF = `refs/sam/${ID}`;

async function openCheckout({ over = 'file' }: { over?: 'file' | 'http' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-saving-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const remote = makeRepository(join(folder, 'served', 'acme', 'api.git'));
  git(remote.path, 'config', 'http.receivepack', 'true');
  remote.commit({
    'README.md': 'new\n',
    'a.txt': 'a\n',
    'b.txt': 'b\n',
    'run.sh': 'true\n',
    '.gitignore': 'ignored.txt\n',
  });
  const server = over === 'http' ? await serveGit(join(folder, 'served')) : undefined;
  const repository = server?.url('acme/api.git') ?? remote.url;
  const dir = join(folder, 'api');
  const asked = { repository, mark: {} };
  await cloneRepository({ ...asked, into: dir, onLine: () => {} });
  const base = git(dir, 'rev-parse', 'HEAD').trim();
  return {
    folder,
    dir,
    remote,
    base,
    repository,
    write: (name: string, text: string) => writeFileSync(join(dir, name), text),
    git: (...args: string[]) => git(dir, ...args).trim(),
    /** Of the saved commit, or another revision at the remote. */
    show: (name: string, revision = REF) => git(remote.path, 'show', `${revision}:${name}`),
    files: (revision = REF) =>
      git(remote.path, 'ls-tree', '-r', '--name-only', revision).trim().split('\n').toSorted(),
    at: (revision: string) => git(remote.path, 'rev-parse', revision).trim(),
    count: () => countWork(asked, dir, { base }),
    async save({ repository: to = repository, work }: { repository?: string; work?: Work } = {}) {
      work ??= await countWork(asked, dir, { base });
      const place = { id: ID, name: 'api-1', checkout: dir, base, scratch: join(folder, 'scratch') };
      const result = await saveWork({ ...asked, repository: to, ...place }, work);
      expect(existsSync(join(folder, 'scratch'))).toBe(false);
      return result;
    },
    /** Everything in the checkout but what git itself touches when it reads. */
    state: () => [
      readFileSync(join(dir, '.git', 'index')).toString('base64'),
      git(dir, 'for-each-ref'),
      git(dir, 'stash', 'list'),
      git(dir, 'status', '--porcelain=v2', '--untracked-files=all', '--ignored'),
      git(dir, 'count-objects'),
    ],
  };
}

const NOTHING = { changed: 0, untracked: 0, unpushed: 0 };

describe('tracked changes', () => {
  test('a change, a deletion, a mode, a staged file and a file meant to be added are in one commit on top of HEAD; index and tree stay', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'changed\n');
    rmSync(join(one.dir, 'b.txt'));
    chmodSync(join(one.dir, 'run.sh'), 0o755);
    one.write('staged.txt', 'staged\n');
    one.git('add', 'staged.txt');
    one.write('meant.txt', 'meant\n');
    one.git('add', '-N', 'meant.txt');
    const before = one.state();
    const { saved, left } = await one.save();
    expect(left).toEqual(NOTHING);
    expect(saved).toEqual({ ref: REF, commit: one.at(REF) });
    expect(one.files()).toEqual(['.gitignore', 'README.md', 'a.txt', 'meant.txt', 'run.sh', 'staged.txt']);
    expect([one.show('a.txt'), one.show('staged.txt'), one.show('meant.txt')]).toEqual([
      'changed\n',
      'staged\n',
      'meant\n',
    ]);
    expect(git(one.remote.path, 'ls-tree', REF, 'run.sh')).toContain('100755');
    expect(one.at(`${REF}^1`)).toBe(one.base);
    expect(git(one.remote.path, 'log', '-1', '--format=%an <%ae>|%cn|%B', REF)).toMatchInlineSnapshot(`
      "Sam <sam@sam.invalid>|Sam|Uncommitted changes of api-1

      Sam saved this before it deleted ws-abcdefghijkl.

      "
    `);
    expect(one.state()).toEqual(before);
  });

  test('new and ignored files stay out, and the new ones are named as left', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'changed\n');
    one.write('.env', 'SECRET=1\n');
    one.write('ignored.txt', 'ignored\n');
    const { left } = await one.save();
    expect(left).toEqual({ ...NOTHING, untracked: 1 });
    expect(one.files()).toEqual(['.gitignore', 'README.md', 'a.txt', 'b.txt', 'run.sh']);
  });

  test('what was staged and changed again since is there in both states', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'staged\n');
    one.git('add', 'a.txt');
    one.write('a.txt', 'changed again\n');
    await one.save();
    expect(one.show('a.txt')).toBe('changed again\n');
    expect(one.show('a.txt', `${REF}^2`)).toBe('staged\n');
  });

  test('a merge that stands in conflict is saved with its marks', async () => {
    const one = await openCheckout();
    one.git('checkout', '-qb', 'other');
    one.write('a.txt', 'theirs\n');
    one.git('commit', '-qam', 'theirs');
    one.git('checkout', '-q', 'main');
    one.write('a.txt', 'ours\n');
    one.git('commit', '-qam', 'ours');
    expect(() => one.git('merge', '-q', 'other')).toThrow();
    await one.save();
    expect(one.show('a.txt')).toMatch(/<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other/);
    expect(one.at(`${REF}^2`)).toBe(one.git('rev-parse', 'other'));
  });
});

describe('commits', () => {
  test('those on HEAD alone are pushed as they are', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'mine\n');
    one.git('commit', '-qam', 'mine');
    const { saved } = await one.save();
    expect(saved.commit).toBe(one.git('rev-parse', 'HEAD'));
  });

  test('other branches and stashes are reachable from the one ref, and its message says which is which', async () => {
    const one = await openCheckout();
    one.git('checkout', '-qb', 'idea');
    one.write('a.txt', 'idea\n');
    one.git('commit', '-qam', 'idea');
    one.git('checkout', '-q', 'main');
    one.write('b.txt', 'stashed\n');
    one.git('stash', '-q');
    one.write('a.txt', 'changed\n');
    const before = one.state();
    const { left } = await one.save();
    expect(left).toEqual(NOTHING);
    expect(one.show('a.txt')).toBe('changed\n');
    expect(one.at(`${REF}^2`)).toBe(one.git('rev-parse', 'idea'));
    expect(one.at(`${REF}^3`)).toBe(one.git('rev-parse', 'stash'));
    expect(git(one.remote.path, 'log', '-1', '--format=%B', REF).trim()).toMatchInlineSnapshot(`
      "Everything unpushed of api-1

      Sam saved this before it deleted ws-abcdefghijkl:
      - FETCH_HEAD^1: what was checked out, with its changes
      - FETCH_HEAD^2: branch idea
      - FETCH_HEAD^3: stash@{0}"
    `);
    expect(one.state()).toEqual(before);
  });

  test('a stash with new files is saved without them, and they count as left', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'stashed\n');
    one.write('.env', 'SECRET=1\n');
    one.git('stash', '-qu');
    const { left } = await one.save();
    expect(left).toEqual({ ...NOTHING, untracked: 1 });
    expect(one.show('a.txt', `${REF}^2`)).toBe('stashed\n');
    const objects = git(one.remote.path, 'rev-list', '--objects', '--all');
    expect(objects).toContain('a.txt');
    expect(objects).not.toContain('.env');
  });

  test('a changed submodule is no work that a commit here could hold', async () => {
    const one = await openCheckout();
    const other = makeRepository(join(one.folder, 'other.git'));
    one.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other.path, 'sub');
    one.git('commit', '-qam', 'sub');
    writeFileSync(join(one.dir, 'sub', 'README.md'), 'mine\n');
    const { left } = await one.save();
    const here = { ...NOTHING, changed: 1 };
    expect(left).toEqual({ ...here, places: [{ where: 'sub', kind: 'submodule', ...here }] });
  });

  test('saved again after more work, the ref moves on; saved twice alike, it stays', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'mine\n');
    one.git('commit', '-qam', 'mine');
    const first = await one.save();
    expect(await one.save()).toEqual(first);
    one.write('a.txt', 'more\n');
    one.git('commit', '-q', '--amend', '-am', 'other');
    const second = await one.save();
    expect(second.saved.commit).not.toBe(first.saved.commit);
    expect(one.show('a.txt')).toBe('more\n');
  });
});

test('nothing that the checkout configures is run', async () => {
  const one = await openCheckout();
  const trap = join(one.folder, 'trap');
  const touch = (what: string) => `touch ${trap}-${what}; cat`;
  writeFileSync(join(one.dir, '.gitattributes'), '*.txt filter=evil diff=evil merge=evil\n');
  one.git('add', '.gitattributes');
  one.git('commit', '-qm', 'attributes');
  for (const [name, value] of [
    ['filter.evil.clean', touch('clean')],
    ['filter.evil.process', touch('process')],
    ['core.fsmonitor', `touch ${trap}-fsmonitor; false`],
    ['diff.evil.textconv', touch('textconv')],
    ['diff.external', touch('diff')],
    ['core.alternateRefsCommand', touch('alternates')],
    ['push.gpgSign', 'if-asked'],
    ['commit.gpgSign', 'true'],
    ['gpg.program', touch('gpg')],
    ['credential.helper', `!${touch('credential')}`],
    ['remote.origin.receivepack', touch('receive')],
    [`remote.${one.repository}.receivepack`, touch('receive')],
    [`url./nowhere.pushInsteadOf`, one.repository],
  ] as const)
    one.git('config', name, value);
  const hooks = join(one.dir, '.git', 'hooks');
  mkdirSync(hooks, { recursive: true });
  for (const hook of [
    'pre-push',
    'reference-transaction',
    'post-index-change',
    'pre-commit',
    'push-to-checkout',
  ]) {
    writeFileSync(join(hooks, hook), `#!/bin/sh\ntouch ${trap}-${hook}\n`);
    chmodSync(join(hooks, hook), 0o755);
  }
  writeFileSync(join(one.dir, 'a.txt'), 'changed\n');
  const work = await one.count();
  const traps = () => readdirSync(one.folder).filter((name) => name.startsWith('trap-'));
  for (const name of traps()) rmSync(join(one.folder, name));
  const { left } = await one.save({ work });
  expect(traps()).toEqual([]);
  expect(left).toEqual(NOTHING);
  expect(one.show('a.txt')).toBe('changed\n');
});

const unsaved = ({ failure }: WorkspaceError): string => failureText(failure);

describe('a remote', () => {
  test('over http, of a clone that lacks old files, takes even a file that only an old commit has', async () => {
    const one = await openCheckout({ over: 'http' });
    // Of the very first README, which is not what was checked out, there is only the name here.
    const old = one.at(`${one.remote.first}:README.md`);
    expect(one.git('rev-list', '--objects', '--missing=print', '--all')).toContain(`?${old}`);
    one.git('update-index', '--add', '--cacheinfo', `100644,${old},back.txt`);
    const tree = one.git('write-tree', '--missing-ok');
    one.git('update-ref', 'refs/heads/main', one.git('commit-tree', tree, '-p', one.base, '-m', 'back'));
    one.git('rm', '-q', '--cached', 'back.txt');
    one.write('b.txt', 'changed\n');
    const { saved } = await one.save();
    expect(one.at(REF)).toBe(saved.commit);
    expect([one.show('b.txt'), one.show('back.txt', `${REF}^1`)]).toEqual(['changed\n', 'hello\n']);
  });

  test('that refuses the push is named with what it did', async () => {
    const one = await openCheckout({ over: 'http' });
    one.write('a.txt', 'changed\n');
    const hook = join(one.remote.path, 'hooks', 'pre-receive');
    mkdirSync(join(one.remote.path, 'hooks'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\nexit 1\n');
    chmodSync(hook, 0o755);
    const { host } = new URL(one.repository);
    expect(await one.save().catch(unsaved)).toBe(`Not saved: ${host} refused the push.`);
    git(one.remote.path, 'config', 'http.receivepack', 'false');
    expect(await one.save().catch(unsaved)).toBe(`Not saved: ${host} did not let Sam push.`);
  });

  test('that is gone is named, too', async () => {
    const one = await openCheckout();
    one.write('a.txt', 'changed\n');
    rmSync(one.remote.path, { recursive: true });
    expect(await one.save().catch(unsaved)).toBe('Not saved: the repository did not let Sam push.');
    expect(await one.save({ repository: 'http://127.0.0.1:1/acme/api.git' }).catch(unsaved)).toBe(
      'Not saved: 127.0.0.1:1 could not be reached.',
    );
  });
});
