// The repositories' contents: bare git repositories in one folder, one for each id. Knows no people, no rights, no HTTP.
import { execFile, spawn } from 'node:child_process';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Author {
  name: string;
  email: string;
}

/** Contents by path; null removes. */
export type Files = Record<string, string | null>;
export type Entry = { type: 'file'; sha: string; content: Buffer } | { type: 'dir'; entries: DirEntry[] };
export interface DirEntry {
  name: string;
  type: 'file' | 'dir' | 'symlink' | 'submodule';
  sha: string;
  size: number;
}

export interface Git {
  root: string;
  env: NodeJS.ProcessEnv;
  create: (id: number, branch: string, from?: number) => Promise<void>;
  /** Puts a commit on a branch (made from `base` if it is new); returns its sha. */
  commit: (
    id: number,
    branch: string,
    base: string,
    files: Files,
    message: string,
    by: Author,
  ) => Promise<string>;
  /** The sha of a branch, tag, other ref or (abbreviated) commit. */
  resolve: (id: number, ref: string) => Promise<string | undefined>;
  /** Whether `from` holds that commit. */
  isReached: (id: number, sha: string, from: string) => Promise<boolean>;
  branches: (id: number) => Promise<{ name: string; sha: string }[]>;
  setRef: (id: number, ref: string, sha: string) => Promise<void>;
  /** Brings a commit of one repository into another, as `ref`. */
  copy: (from: number, sha: string, to: number, ref: string) => Promise<void>;
  merge: (id: number, branch: string, sha: string, message: string, by: Author) => Promise<string>;
  read: (id: number, ref: string, path: string) => Promise<Entry | undefined>;
  describe: (
    id: number,
    sha: string,
  ) => Promise<{ message: string; author: Author; tree: string; parents: string[]; date: string }>;
  changed: (id: number, from: string, to: string) => Promise<{ status: string; path: string }[]>;
  remove: () => Promise<void>;
}

/** As on GitHub: any commit can be fetched by its sha, partial clones work, nobody pushes to refs/pull. */
const settings = `
[uploadpack]
  allowFilter = true
  allowAnySHA1InWant = true
[receive]
  hideRefs = refs/pull
`;

const isMissing = (error: unknown) => typeof (error as { code?: unknown }).code === 'number';

export async function createGit(): Promise<Git> {
  const root = await mkdtemp(join(tmpdir(), 'fake-github-'));
  const env = {
    PATH: process.env['PATH'],
    HOME: root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
  };
  const folder = (id: number) => join(root, `${id}.git`);
  const run = (id: number, args: string[], { input, by }: { input?: string; by?: Author } = {}) =>
    runGit(['-C', folder(id), ...args], { ...env, ...(by && identity(by)) }, input);
  const text = async (...given: Parameters<typeof run>) => (await run(...given)).toString().trim();
  const maybe = (id: number, args: string[]) =>
    text(id, args).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
  const resolve = (id: number, ref: string) =>
    maybe(id, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);

  return {
    root,
    env,
    resolve,
    async create(id, branch, from) {
      const how = from === undefined ? ['init', '--template=', `--initial-branch=${branch}`] : ['clone'];
      const source = from === undefined ? [] : [folder(from)];
      await runGit([...how, '--quiet', '--bare', ...source, folder(id)], env);
      await appendFile(join(folder(id), 'config'), settings);
    },
    async commit(id, branch, base, files, message, by) {
      const from = (await resolve(id, `refs/heads/${branch}`)) ?? (await resolve(id, base));
      await run(id, ['fast-import', '--quiet', '--force'], {
        input: stream(branch, from, files, message, by),
      });
      return text(id, ['rev-parse', `refs/heads/${branch}`]);
    },
    isReached: async (id, sha, from) =>
      (await maybe(id, ['merge-base', '--is-ancestor', sha, from])) !== undefined,
    async branches(id) {
      const list = await text(id, [
        'for-each-ref',
        '--format=%(objectname) %(refname:lstrip=2)',
        'refs/heads',
      ]);
      return list
        .split('\n')
        .filter(Boolean)
        .map((line) => ({ sha: line.slice(0, 40), name: line.slice(41) }));
    },
    async setRef(id, ref, sha) {
      await run(id, ['update-ref', ref, sha]);
    },
    async copy(from, sha, to, ref) {
      await run(to, ['fetch', '--quiet', '--no-tags', folder(from), `+${sha}:${ref}`]);
    },
    async merge(id, branch, sha, message, by) {
      const onto = await text(id, ['rev-parse', `refs/heads/${branch}`]);
      const tree = await text(id, ['merge-tree', '--write-tree', onto, sha]);
      const commit = ['commit-tree', tree, '-p', onto, '-p', sha, '-m', message];
      const merged = await text(id, commit, { by });
      await run(id, ['update-ref', `refs/heads/${branch}`, merged]);
      return merged;
    },
    async read(id, ref, path) {
      const object = `${ref}:${path}`;
      const type = await maybe(id, ['cat-file', '-t', object]);
      if (type === undefined) return undefined;
      if (type === 'tree') return { type: 'dir', entries: await listTree(text, id, object) };
      const sha = await text(id, ['rev-parse', object]);
      return { type: 'file', sha, content: await run(id, ['cat-file', 'blob', object]) };
    },
    async describe(id, sha) {
      const format = '--format=%an%x00%ae%x00%aI%x00%T%x00%P%x00%B';
      const shown = await text(id, ['show', '--no-patch', format, sha]);
      const [name = '', email = '', date = '', tree = '', parents = '', message = ''] = shown.split('\0');
      return { author: { name, email }, date, tree, parents: parents.split(' ').filter(Boolean), message };
    },
    async changed(id, from, to) {
      const list = await text(id, ['diff', '--name-status', '--no-renames', `${from}...${to}`]);
      return list
        .split('\n')
        .filter(Boolean)
        .map((line) => ({ status: line.slice(0, 1), path: line.slice(2) }));
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function listTree(
  text: (id: number, args: string[]) => Promise<string>,
  id: number,
  object: string,
): Promise<DirEntry[]> {
  const kinds: Record<string, DirEntry['type']> = {
    '040000': 'dir',
    '120000': 'symlink',
    '160000': 'submodule',
  };
  const list = await text(id, ['ls-tree', '-l', object]);
  return list
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [mode = '', , sha = '', size = '0'] = line.split('\t')[0]?.split(/ +/) ?? [];
      const name = line.slice(line.indexOf('\t') + 1);
      return { name, sha, size: Number(size) || 0, type: kinds[mode] ?? 'file' };
    });
}

function identity({ name, email }: Author) {
  return {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
}

/** One commit in the words of git fast-import. */
function stream(branch: string, from: string | undefined, files: Files, message: string, by: Author): string {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const lines = Object.entries(files).map(([path, content]) =>
    content === null ? `D ${path}\n` : `M 100644 inline ${path}\n${data(content)}`,
  );
  const who = `committer ${by.name} <${by.email}> ${Math.floor(Date.now() / 1000)} +0000\n`;
  return `commit refs/heads/${branch}\n${who}${data(message)}${from ? `from ${from}\n` : ''}${lines.join('')}\ndone\n`;
}

async function runGit(args: string[], env: NodeJS.ProcessEnv, input?: string): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const child = execFile('git', args, { env, encoding: 'buffer', maxBuffer: 2 ** 28 }, (error, out) =>
    error ? reject(error) : resolve(out),
  );
  child.stdin?.on('error', () => {});
  child.stdin?.end(input ?? '');
  return promise;
}

/** Git's own HTTP backend as a process; the caller connects its pipes. */
export function spawnBackend(git: Git, path: string, request: Record<string, string>) {
  return spawn('git', ['http-backend'], {
    env: {
      ...git.env,
      GIT_PROJECT_ROOT: git.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      REMOTE_ADDR: '127.0.0.1',
      ...request,
    },
  });
}
