// A second forge, for tests: people, rights and threads in memory, repositories of git behind a real server. What it takes to add
// a forge is this file and one entry in the table.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProviderError } from '../../bot/errors.ts';
import {
  defaultRules,
  SignInError,
  type Change,
  type OfferedChange,
  type OpenedChange,
  type Forge,
  type GitOperation,
  type Permission,
  type Person,
  type RepositoryRules,
} from '../../bot/forges/forge.ts';
import { createGit, type Git } from '../fakes/github/git.ts';
import { parseGitPath, runBackend } from '../fakes/github/git-http.ts';
import type { ForgeUnderTest } from './contract.ts';

interface Repository {
  id: number;
  label: string;
  isPrivate: boolean;
  isReached: boolean;
  rules: RepositoryRules;
  levels: Map<string, Permission['level']>;
  threads: { isOpen: boolean; change?: Change & { into?: string } }[];
}

interface World {
  git: Git;
  /** By id. */
  people: Map<string, Person>;
  repositories: Repository[];
  tokens: Map<string, { label: string; operation: GitOperation }>;
  codes: Map<string, { person: Person; challenge: string; callback: string }>;
  browser: Person | undefined;
  isDown: boolean;
}

export interface PretendForge extends ForgeUnderTest {
  /** What git asked for, with whose token: `fetch acme/api`. */
  visits: string[];
}

export async function startPretendForge(): Promise<PretendForge> {
  const world: World = {
    git: await createGit(),
    people: new Map(),
    repositories: [],
    tokens: new Map(),
    codes: new Map(),
    browser: undefined,
    isDown: false,
  };
  const visits: string[] = [];
  const server = createServer((request, response) => void serve(world, visits, request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const find = (label: string): Repository => {
    const found = findIn(world, label);
    if (!found) throw new Error(`the pretend forge has no ${label}`);
    return found;
  };
  return {
    forge: createForge(world, url),
    visits,
    addPerson(login) {
      const person = { id: `p${world.people.size + 1}`, login };
      world.people.set(person.id, person);
      return { ...person };
    },
    rename: ({ id }, login) => void world.people.set(id, { id, login }),
    addRepository: (label, { isPrivate = false, isReached = true, rules = {} } = {}) =>
      create(world, { label, isPrivate, isReached, rules: { ...defaultRules, ...rules } }),
    allow: (label, { id }, level) => void find(label).levels.set(id, level),
    addIssue: (label) => find(label).threads.push({ isOpen: true }),
    async addChange(label, { login }, { from = label } = {}) {
      const into = find(label);
      if (from !== label) await create(world, { ...into, label: from }, into.id);
      const number = into.threads.length + 1;
      const branch = `change-${number}`;
      const author = { name: login, email: `${login}@forge.example` };
      const head = await world.git.commit(
        find(from).id,
        branch,
        'refs/heads/main',
        { 'change.txt': 'a change\n' },
        'a change',
        author,
      );
      const ref = `refs/changes/${number}`;
      await world.git.copy(find(from).id, head, into.id, ref);
      return into.threads.push({ isOpen: true, change: { branch, head, ref, from } });
    },
    async closeThread(label, number) {
      find(label).threads[number - 1]!.isOpen = false;
      await Promise.resolve();
    },
    signedInAs: (person) => void (world.browser = person),
    breakDown: () => void (world.isDown = true),
    secrets: () => [...world.tokens.keys(), ...world.codes.keys()],
    async close() {
      server.closeAllConnections();
      server.close();
      await world.git.remove();
    },
  };
}

const findIn = ({ repositories }: World, label: string): Repository | undefined =>
  repositories.find((one) => one.label.toLowerCase() === label.toLowerCase());

async function create(
  { git, repositories }: World,
  options: Pick<Repository, 'label' | 'isPrivate' | 'isReached' | 'rules'>,
  forkOf?: number,
): Promise<void> {
  const id = repositories.length + 1;
  await git.create(id, 'main', forkOf);
  const author = { name: 'first', email: 'first@forge.example' };
  const files = { 'README.md': `# ${options.label}\n` };
  if (forkOf === undefined) await git.commit(id, 'main', 'refs/heads/main', files, 'first', author);
  repositories.push({ ...options, id, levels: new Map(), threads: [] });
}

async function openChange(
  { git, repositories }: World,
  url: string,
  label: string,
  { branch, base = 'main' }: OfferedChange,
): Promise<OpenedChange> {
  const found = findIn({ repositories } as World, label);
  if (!found) return { refused: 'refused' };
  const { id, threads } = found;
  const there = threads.findIndex((one) => one.isOpen && one.change?.branch === branch);
  const at = (index: number) => ({
    number: index + 1,
    url: `${url}/${label}/changes/${index + 1}`,
    base: threads[index]?.change?.into ?? 'main',
  });
  if (there >= 0) return at(there);
  const into = await git.resolve(id, `refs/heads/${base}`);
  if (into === undefined) return { refused: 'no-base' };
  const head = await git.resolve(id, `refs/heads/${branch}`);
  if (head === undefined) return { refused: 'refused', said: 'there is no such branch' };
  if (await git.isReached(id, head, into)) return { refused: 'nothing-changed' };
  const ref = `refs/changes/${threads.length + 1}`;
  await git.copy(id, head, id, ref);
  return at(threads.push({ isOpen: true, change: { branch, head, ref, from: label, into: base } }) - 1);
}

// --- what Sam asks --------------------------------------------------------------------------------------------------

function createForge(world: World, url: string): Forge {
  /** Undefined: not there, or not for Sam to see. */
  const look = async (operation: string, label: string): Promise<Repository | undefined> => {
    await Promise.resolve();
    if (world.isDown)
      throw new ProviderError({ provider: 'pretend', operation, retryable: true }, '502 it is down');
    const found = findIn(world, label);
    return found?.isReached ? found : undefined;
  };
  return {
    name: 'pretend',
    title: 'Pretend Forge',
    url,
    warm: () => Promise.resolve(),
    async findRepository(asked) {
      const found = await look('find repository', asked);
      return found && { label: found.label, branch: 'main', isPrivate: found.isPrivate };
    },
    async findThread(label, number) {
      const thread = (await look('find thread', label))?.threads[number - 1];
      return thread && { isOpen: thread.isOpen, isChange: thread.change !== undefined };
    },
    findChange: async (label, number) => (await look('find change', label))?.threads[number - 1]?.change,
    async findPerson(label, login) {
      await look('find person', label);
      const isCalled = (one: Person): boolean => one.login.toLowerCase() === login.toLowerCase();
      const found = [...world.people.values()].find(isCalled);
      return found && { ...found };
    },
    async readPermission(label, { id }) {
      const found = await look('read permission', label);
      const level = found?.levels.get(id) ?? 'none';
      return found && asPermission(level === 'none' && !found.isPrivate ? 'read' : level);
    },
    readRules: async (label) => (await look('read rules', label))?.rules ?? defaultRules,
    async listRepositories() {
      await look('list repositories', '');
      return world.repositories.filter(({ isReached }) => isReached).map(({ label }) => label);
    },
    async findPeople(name) {
      await look('find people', '');
      const found = [...world.people.values()].filter(({ login }) => login === name);
      return found.length > 0 ? found : undefined;
    },
    installUrl: () => Promise.resolve(`${url}/install`),
    async mintToken(label, operation) {
      const found = await look('mint token', label);
      if (!found) throw new Error(`pretend: mint token: ${label} is not reached`);
      const password = randomBytes(16).toString('hex');
      world.tokens.set(password, { label: found.label, operation });
      return { username: 'sam', password, expiresAt: Date.now() + 3_600_000 };
    },
    identityOf: ({ id }) => ({ email: `${id}@people.forge.example` }),
    openChange: (label, offered) => openChange(world, url, label, offered),
    signIn: {
      begin({ state, verifier, callback }) {
        const asked = new URLSearchParams({ state, challenge: challengeOf(verifier), callback });
        return Promise.resolve(`${url}/sign-in?${asked.toString()}`);
      },
      async complete(code, { verifier, callback }) {
        await Promise.resolve();
        if (world.isDown) throw new SignInError('Pretend Forge', false, '502');
        const given = world.codes.get(code);
        world.codes.delete(code);
        if (given?.challenge !== challengeOf(verifier) || given.callback !== callback)
          throw new SignInError('Pretend Forge', true, 'bad_code');
        return given.person;
      },
    },
  };
}

const asPermission = (level: Permission['level']): Permission => ({ level, role: level });

const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

// --- what browsers and git ask --------------------------------------------------------------------------------------

async function serve(
  world: World,
  visits: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '', 'http://pretend');
  if (url.pathname === '/sign-in') return signIn(world, url.searchParams, response);
  const place = parseGitPath(url.pathname);
  const repository = place && findIn(world, place.fullName);
  if (!place || !repository) return void response.writeHead(404).end();
  const operation = `${url.search}${place.rest}`.includes('git-receive-pack') ? 'push' : 'fetch';
  const token = tokenOf(world, request.headers.authorization);
  if (!isAllowed(repository, operation, token))
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="pretend"' }).end();
  visits.push(`${operation} ${repository.label}${token ? ' with a token' : ''}`);
  await runBackend(world.git, `/${repository.id}.git${place.rest}`, url, request, response, undefined);
}

function signIn({ browser, codes }: World, asked: URLSearchParams, response: ServerResponse): void {
  const callback = asked.get('callback') ?? '';
  const back = new URL(callback);
  back.searchParams.set('state', asked.get('state') ?? '');
  if (browser) {
    const code = randomBytes(8).toString('hex');
    codes.set(code, { person: browser, challenge: asked.get('challenge') ?? '', callback });
    back.searchParams.set('code', code);
  } else back.searchParams.set('error', 'access_denied');
  response.writeHead(302, { location: back.href }).end();
}

type Token = { label: string; operation: GitOperation } | undefined;

function tokenOf({ tokens }: World, header: string | undefined): Token {
  const [, password = ''] = Buffer.from((header ?? '').replace(/^basic /i, ''), 'base64')
    .toString()
    .split(':');
  return tokens.get(password);
}

function isAllowed({ label, isPrivate }: Repository, operation: GitOperation, token: Token): boolean {
  if (token?.label !== label) return operation === 'fetch' && !isPrivate;
  return operation === 'fetch' || token.operation === 'push';
}
