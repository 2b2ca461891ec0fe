// What every forge must do (bot/forges/forge.ts says it in prose). Knows no forge: `describeForge` runs on any, over its real calls.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ProviderError } from '../../bot/errors.ts';
import {
  addressOf,
  defaultRules,
  findForge,
  SignInError,
  type Forge,
  type Permission,
  type Person,
  type RepositoryRules,
} from '../../bot/forges/forge.ts';
import { isEnough } from '../../bot/forges/rights.ts';

export interface RepositoryOptions {
  isPrivate?: boolean;
  /** What its people wrote down; what is not said holds by default. */
  rules?: Partial<RepositoryRules>;
  /** False: it is there, and Sam was not let in. */
  isReached?: boolean;
}

/** One forge, empty at the start, and what its people do there. */
export interface ForgeUnderTest {
  forge: Forge;
  addPerson(login: string): Person;
  /** Another may take the name afterwards. */
  rename(person: Person, login: string): void;
  /** With one commit on `main`. */
  addRepository(label: string, options?: RepositoryOptions): Promise<void>;
  allow(label: string, person: Person, level: Permission['level']): void;
  addIssue(label: string, by: Person): number;
  /** `from`: a fork of theirs. */
  addChange(label: string, by: Person, options?: { from?: string }): Promise<number>;
  closeThread(label: string, number: number): Promise<void>;
  /** Who the browser is there from now on. */
  signedInAs(person: Person): void;
  /** From now on it answers nothing that makes sense. */
  breakDown(): void;
  /** What nobody may find in an answer or an error. */
  secrets(): string[];
  close(): Promise<void>;
}

const CALLBACK = 'http://127.0.0.1:9/login/callback';

export function describeForge(name: string, setup: () => Promise<ForgeUnderTest>): void {
  describe(`${name}, as a forge`, () => {
    let place: ForgeUnderTest;
    let forge: Forge;
    beforeEach(async () => {
      place = await setup();
      forge = place.forge;
    });
    afterEach(() => place.close());

    test('is called by the name that stands in rows and addresses', () => {
      expect(forge.name).toBe(name);
      expect(forge.name).toMatch(/^[a-z][a-z\d-]*$/);
      expect(forge.title).not.toBe('');
      expect(forge.url).toMatch(/^https?:\/\/[^/]+$/);
    });

    test('knows its repositories by their addresses, and no other', () => {
      expect(findForge([forge], addressOf(forge, 'acme/api'))).toEqual({ forge, label: 'acme/api' });
      for (const address of [
        'https://elsewhere.example/acme/api',
        '/home/ada/api',
        `${forge.url}.example/a/b`,
      ])
        expect(findForge([forge], address)).toBeUndefined();
    });

    test('finds a repository as its people write it, and says whether everybody reads it', async () => {
      await place.addRepository('acme/api');
      await place.addRepository('acme/secret', { isPrivate: true });
      expect(await forge.findRepository('ACME/Api')).toEqual({
        label: 'acme/api',
        branch: 'main',
        isPrivate: false,
      });
      expect(await forge.findRepository('acme/secret')).toMatchObject({ isPrivate: true });
    });

    test('has nothing to say of a repository that is not there, and of one where Sam was not let in', async () => {
      const ann = place.addPerson('ann');
      await place.addRepository('acme/api');
      await place.addRepository('other/hidden', { isReached: false });
      place.allow('other/hidden', ann, 'admin');
      for (const label of ['acme/nothing', 'other/hidden']) {
        expect(await forge.findRepository(label)).toBeUndefined();
        expect(await forge.findThread(label, 1)).toBeUndefined();
        expect(await forge.findChange(label, 1)).toBeUndefined();
        expect(isEnough(await forge.readPermission(label, ann), 'read')).toBe(false);
        expect(await forge.readRules(label)).toEqual(defaultRules);
      }
      expect(await forge.readPermission('other/hidden', ann)).toBeUndefined();
      expect(await forge.listRepositories()).toEqual(['acme/api']);
    });

    test('knows whom a name means now, and of a name that nobody has that it is nobody', async () => {
      await place.addRepository('acme/api');
      const ann = place.addPerson('ann');
      expect(await forge.findPeople('ann')).toEqual([ann]);
      place.rename(ann, 'anna');
      expect(await forge.findPeople('ann')).toBeUndefined();
      expect(await forge.findPeople('anna')).toEqual([{ id: ann.id, login: 'anna' }]);
      expect(URL.canParse(await forge.installUrl())).toBe(true);
    });

    describeRights(() => place);
    describeThreads(() => place);
    describeGit(() => place);
    describeSignIn(() => place);
    describeOutage(() => place);
  });
}

/** Who may do what. */
function describeRights(current: () => ForgeUnderTest): void {
  test('tells what each person may do, as it is at that moment', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/secret', { isPrivate: true });
    const levels = ['read', 'write', 'maintain', 'admin'] as const;
    for (const level of levels) {
      const person = place.addPerson(`${level}-person`);
      expect(await levelOf(forge, 'acme/secret', person)).toBe('none');
      place.allow('acme/secret', person, level);
      expect(await levelOf(forge, 'acme/secret', person)).toBe(level);
      place.allow('acme/secret', person, 'none');
      expect(await levelOf(forge, 'acme/secret', person)).toBe('none');
    }
  });

  test('on a public repository everybody reads, and nobody writes for that', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/api');
    expect(await levelOf(forge, 'acme/api', place.addPerson('eve'))).toBe('read');
  });

  test('knows people by their ids: a new name loses no right, and an old one that somebody else took gives none', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/secret', { isPrivate: true });
    const ann = place.addPerson('ann');
    place.allow('acme/secret', ann, 'write');
    place.rename(ann, 'ann-of-old');
    expect(await levelOf(forge, 'acme/secret', ann)).toBe('write');
    const thief = place.addPerson('ann');
    expect(await levelOf(forge, 'acme/secret', ann)).toBe('write');
    expect(await levelOf(forge, 'acme/secret', thief)).toBe('none');
  });
}

/** Issues and changes, and what a repository's people want. */
function describeThreads(current: () => ForgeUnderTest): void {
  test('tells issues from changes, open from closed', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/api');
    const ann = place.addPerson('ann');
    const issue = place.addIssue('acme/api', ann);
    const change = await place.addChange('acme/api', ann);
    expect(await forge.findThread('acme/api', issue)).toEqual({ isOpen: true, isChange: false });
    expect(await forge.findThread('acme/api', change)).toEqual({ isOpen: true, isChange: true });
    expect(await forge.findThread('acme/api', change + 100)).toBeUndefined();
    await place.closeThread('acme/api', change);
    expect(await forge.findThread('acme/api', change)).toEqual({ isOpen: false, isChange: true });
  });

  test('the commits of a change can be fetched from its repository, wherever they come from', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/api');
    const [ann, eve] = [place.addPerson('ann'), place.addPerson('eve')];
    const own = await forge.findChange('acme/api', await place.addChange('acme/api', ann));
    const fork = await forge.findChange(
      'acme/api',
      await place.addChange('acme/api', eve, { from: 'eve/api' }),
    );
    expect(own?.from).toBe('acme/api');
    expect(fork?.from).toBe('eve/api');
    for (const change of [own!, fork!])
      expect(await git('ls-remote', addressOf(forge, 'acme/api'), change.ref)).toBe(
        `${change.head}\t${change.ref}`,
      );
    expect(await git('ls-remote', addressOf(forge, own!.from!), `refs/heads/${own!.branch}`)).toContain(
      own!.head,
    );
  });

  test('offers a branch once, however often it is asked, and says why there is nothing to offer', async () => {
    const place = current();
    const { forge } = place;
    const ann = place.addPerson('ann');
    await place.addRepository('acme/api');
    place.allow('acme/api', ann, 'write');
    const first = await place.addChange('acme/api', ann);
    const { branch = '' } = (await forge.findChange('acme/api', first)) ?? {};
    const offered = { branch, base: undefined, title: 'Make it work', body: 'ann asked for this.' };
    expect(await forge.openChange('acme/api', offered)).toMatchObject({ number: first });
    await place.closeThread('acme/api', first);
    const opened = await forge.openChange('acme/api', offered);
    expect(opened).toMatchObject({ url: expect.stringMatching(/^https?:/) as string });
    expect(opened).not.toMatchObject({ number: first });
    expect(opened).toMatchObject({ base: 'main' });
    expect(await forge.openChange('acme/api', offered)).toEqual(opened);
    // One that is open goes where it went.
    expect(await forge.openChange('acme/api', { ...offered, base: 'elsewhere' })).toEqual(opened);
    const main = { ...offered, branch: 'main' };
    expect(await forge.openChange('acme/api', { ...main, base: 'nowhere' })).toEqual({ refused: 'no-base' });
    expect(await forge.openChange('acme/api', { ...main, base: branch })).toEqual({
      refused: 'nothing-changed',
    });
  });

  test('tells what the people of a repository want, and what holds where they say nothing', async () => {
    const place = current();
    const { forge } = place;
    const ask = { allow: ['read', 'npm test'], deny: ['fetch'] };
    const rules: RepositoryRules = { size: 'large', idleTimeMs: 3_600_000, who: 'maintain', ask };
    await place.addRepository('acme/api');
    await place.addRepository('acme/strict', { rules });
    expect(await forge.readRules('acme/api')).toEqual(defaultRules);
    expect(await forge.readRules('acme/strict')).toEqual(rules);
  });
}

/** Tokens for git, and authors. */
function describeGit(current: () => ForgeUnderTest): void {
  test('a token opens its one repository, and only for what it was minted', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/secret', { isPrivate: true });
    await place.addRepository('acme/other', { isPrivate: true });
    const token = await forge.mintToken('acme/secret', 'fetch');
    expect(token.expiresAt).toBeGreaterThan(Date.now());
    const secret = withToken(forge, 'acme/secret', token);
    expect(await git('ls-remote', secret, 'refs/heads/main')).toMatch(/^[\da-f]{40}\trefs\/heads\/main$/);
    await expect(git('ls-remote', addressOf(forge, 'acme/secret'))).rejects.toThrow();
    await expect(git('ls-remote', withToken(forge, 'acme/other', token))).rejects.toThrow();
    const clone = mkdtempSync(join(tmpdir(), 'sam-forge-'));
    onTestFinished(() => rmSync(clone, { recursive: true, force: true }));
    await git('clone', '-q', secret, clone);
    const push = ['-C', clone, 'push', '-q'];
    await expect(git(...push, secret, 'HEAD:refs/heads/more')).rejects.toThrow();
    const pushing = withToken(forge, 'acme/secret', await forge.mintToken('acme/secret', 'push'));
    await git(...push, pushing, 'HEAD:refs/heads/more');
    expect(await git('ls-remote', secret, 'refs/heads/more')).toContain('refs/heads/more');
  });

  test('names an author that is not another person’s', () => {
    const place = current();
    const { forge } = place;
    const [ann, bob] = [place.addPerson('ann'), place.addPerson('bob')];
    expect(forge.identityOf(ann).email).toMatch(/^[^\s@]+@[^\s@]+$/);
    expect(forge.identityOf(ann)).not.toEqual(forge.identityOf(bob));
  });
}

/** Who somebody is. */
function describeSignIn(current: () => ForgeUnderTest): void {
  test('a sign-in says who it is, once, to whoever began it', async () => {
    const place = current();
    const { forge } = place;
    const ann = place.addPerson('ann');
    place.signedInAs(ann);
    const back = await visit(forge);
    expect(`${back.origin}${back.pathname}`).toBe(CALLBACK);
    expect(back.searchParams.get('state')).toBe(ATTEMPT.state);
    const code = back.searchParams.get('code')!;
    expect(await forge.signIn.complete(code, ATTEMPT)).toEqual(ann);
    expect(await signInErrorOf(forge.signIn.complete(code, ATTEMPT))).toMatchObject({ isRefusal: true });
  });

  test('a code is worth nothing without the secret of the browser where it began', async () => {
    const place = current();
    const { forge } = place;
    place.signedInAs(place.addPerson('ann'));
    const code = (await visit(forge)).searchParams.get('code')!;
    const other = { ...ATTEMPT, verifier: 'w'.repeat(43) };
    expect(await signInErrorOf(forge.signIn.complete(code, other))).toMatchObject({ isRefusal: true });
  });
}

/** When it does not answer. */
function describeOutage(current: () => ForgeUnderTest): void {
  test('while it is down nothing is denied and nothing allowed: whoever asks hears that it may work later', async () => {
    const place = current();
    const { forge } = place;
    await place.addRepository('acme/strict', { rules: { who: 'admin' } });
    const ann = place.addPerson('ann');
    place.signedInAs(ann);
    const code = (await visit(forge)).searchParams.get('code')!;
    await forge.findRepository('acme/strict');
    place.breakDown();
    const errors = [
      await errorOf(forge.findRepository('acme/strict')),
      await errorOf(forge.findThread('acme/strict', 1)),
      await errorOf(forge.findChange('acme/strict', 1)),
      await errorOf(forge.readPermission('acme/strict', ann)),
      await errorOf(forge.mintToken('acme/strict', 'fetch')),
      await errorOf(forge.listRepositories()),
      // Who may start something is no less a right.
      await errorOf(forge.readRules('acme/strict')),
    ];
    expect(errors.map((error) => [error.provider, error.retryable])).toEqual(
      errors.map(() => [forge.name, true]),
    );
    const failure = await signInErrorOf(forge.signIn.complete(code, ATTEMPT));
    expect(failure.isRefusal).toBe(false);
    const text = [...errors, failure].map((one) => inspect(one, { depth: 20, showHidden: true })).join('\n');
    for (const secret of [code, ...place.secrets()]) expect(text.includes(secret)).toBe(false);
  });
}

const levelOf = async (forge: Forge, label: string, person: Person) =>
  (await forge.readPermission(label, person))?.level;

const ATTEMPT = { state: 'a state of a test', verifier: 'v'.repeat(43), callback: CALLBACK };

/** What the browser is sent back with, once it was where the forge asks. */
async function visit(forge: Forge): Promise<URL> {
  const answer = await fetch(await forge.signIn.begin(ATTEMPT), { redirect: 'manual' });
  return new URL(answer.headers.get('location') ?? 'http://nowhere/');
}

/** What the call throws: a ProviderError, or the test fails. */
async function errorOf(call: Promise<unknown>): Promise<ProviderError> {
  const error = await thrownBy(call);
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

async function signInErrorOf(call: Promise<unknown>): Promise<SignInError> {
  const error = await thrownBy(call);
  expect(error).toBeInstanceOf(SignInError);
  return error as SignInError;
}

const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'it worked',
    (thrown: unknown) => thrown,
  );

function withToken(forge: Forge, label: string, token: { username: string; password: string }): string {
  const url = new URL(addressOf(forge, label));
  Object.assign(url, { username: token.username, password: token.password });
  return url.href;
}

const run = promisify(execFile);

async function git(...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' };
  return (await run('git', args, { env })).stdout.trim();
}
