// What it takes to add a forge: a whole bot with another one in its table, which it was not written for.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { builtIn } from '../../bot/forges/index.ts';
import { git } from '../place.ts';
import { startSam, type Sam } from '../sam.ts';
import { describeForge } from './contract.ts';
import { startPretendForge, type PretendForge } from './pretend.ts';

describeForge('pretend', startPretendForge);

async function open(): Promise<{ sam: Sam; pretend: PretendForge }> {
  const pretend = await startPretendForge();
  onTestFinished(() => pretend.close());
  const sam = await startSam({ forges: [...builtIn, () => pretend.forge] });
  onTestFinished(() => sam[Symbol.asyncDispose]());
  return { sam, pretend };
}

const checkoutOf = async (sam: Sam, name: string, repository: string): Promise<string> =>
  join((await sam.row(name)).checkout, repository);

test('a repository of the new forge becomes a workspace, by its name and by its address', async () => {
  const { sam, pretend } = await open();
  await pretend.addRepository('acme/api', { rules: { size: 'large' } });
  expect(await sam.say('up acme/api')).toMatch(/api[^]*running[^]*works once/);
  const origin = git(await checkoutOf(sam, 'api', 'api'), 'remote', 'get-url', 'origin');
  expect(origin).toBe(`${pretend.forge.url}/acme/api.git`);
  const [row] = await sam.place.sql`select size, is_private from workspaces where name = 'api'`;
  expect(row).toEqual({ size: 'large', is_private: false });
  expect(await sam.say(`up ${pretend.forge.url}/Acme/API`)).toContain('`api` is there already.');
});

test('a change of the new forge is checked out at its head', async () => {
  const { sam, pretend } = await open();
  await pretend.addRepository('acme/api');
  const number = await pretend.addChange('acme/api', pretend.addPerson('ann'));
  const { head } = (await pretend.forge.findChange('acme/api', number))!;
  expect(await sam.say(`up acme/api#${number}`)).toContain('running');
  expect(git(await checkoutOf(sam, `api-${number}`, 'api'), 'rev-parse', 'HEAD')).toBe(head);
});

test('who signed in at the new forge clones with a token of it, and commits as it knows them', async () => {
  const { sam, pretend } = await open();
  await pretend.addRepository('acme/secret', { isPrivate: true });
  const ada = pretend.addPerson('ada');
  pretend.allow('acme/secret', ada, 'write');
  pretend.signedInAs(ada);
  expect(await signIn(sam)).toBe(`${sam.bot.url}/login`);
  // The person at the console and the one in the browser are the same.
  await sam.say('list');
  await sam.place.sql`
    update identities set user_id = (select user_id from identities where source = 'console') where source = 'pretend'`;
  expect(await sam.say('up acme/secret')).toContain('running');
  const checkout = await checkoutOf(sam, 'secret', 'secret');
  expect(git(checkout, 'config', 'user.email')).toBe(pretend.forge.identityOf(ada).email);
  expect(pretend.visits).toContain('fetch acme/secret with a token');
});

test('with two forges whoever has to sign in chooses where, and comes back to where they were going', async () => {
  const pretend = await startPretendForge();
  onTestFinished(() => pretend.close());
  const second = { ...pretend.forge, name: 'second', title: 'Second Forge' };
  const sam = await startSam({ forges: [() => pretend.forge, () => second] });
  onTestFinished(() => sam[Symbol.asyncDispose]());
  const linksOn = async (path: string) =>
    [...(await (await fetch(sam.bot.url + path)).text()).matchAll(/<a href="([^"]+)">([^<]+)/g)].map(
      ([, href, label]) => [label, href],
    );
  expect(await linksOn('/login?returnTo=%2Fw%2Fws-1%3Fs%3Dx')).toEqual([
    ['Sign in with Pretend Forge', '/login/pretend?returnTo=%2Fw%2Fws-1%3Fs%3Dx'],
    ['Sign in with Second Forge', '/login/second?returnTo=%2Fw%2Fws-1%3Fs%3Dx'],
  ]);
  for (const path of [
    '/login',
    '/login?returnTo=https%3A%2F%2Fevil.example',
    '/login?returnTo=%2F%2Fevil.example',
  ])
    expect((await linksOn(path)).map(([, href]) => href)).toEqual(['/login/pretend', '/login/second']);
});

/** As a browser would; where it ends. */
async function signIn(sam: Sam): Promise<string | null> {
  const visit = (to: string, cookie = '') => fetch(to, { redirect: 'manual', headers: { cookie } });
  const begun = await visit(`${sam.bot.url}/login/pretend`);
  const [cookie = ''] = begun.headers.getSetCookie()[0]?.split(';') ?? [];
  const asked = await visit(begun.headers.get('location')!);
  return (await visit(asked.headers.get('location')!, cookie)).headers.get('location');
}
