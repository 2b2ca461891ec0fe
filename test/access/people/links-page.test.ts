// What a person connected, seen and ended from the side where they sign in; and what everywhere means.
import { describe, expect, test } from 'vitest';
import { link, findKnown, unlink } from '../../../bot/access/people/links-store.ts';
import { createSettingsLink } from '../../../bot/access/credentials/settings-sessions.ts';
import { giveSecret, insertToken, spendToken } from '../../../bot/access/people/personal-tokens-store.ts';
import { createLink } from '../../../bot/access/links.ts';
import { findIdentities } from '../../../bot/access/store/people.ts';
import { until } from '../../until.ts';
import { ann, askTicket, site, workspace } from './sign-in-context.ts';

let count = 0;
/** ann in a chat, which gave her a link. */
async function connect(name = 'annie'): Promise<{ source: string; externalId: string }> {
  const identity = { source: 'slack:T1', externalId: `U${(count += 1)}<b>` };
  await link(site.rows.db, identity, name, workspace.owner);
  return identity;
}
async function readAccess(): Promise<number> {
  const [row] = await site.rows.sql`select access from workspaces where id = ${workspace.id}`;
  return row!['access'] as number;
}
const invite = async () => {
  const invitation = { workspace: workspace.id, user: workspace.owner, access: 1 };
  return new URL(await createLink(site.rows.db, site.origin, invitation)).hash.slice(1);
};
const pathOf = ({ source, externalId }: { source: string; externalId: string }): string =>
  `/login/disconnect?${new URLSearchParams({ source, id: externalId }).toString()}`;
const isKnown = async (identity: { source: string; externalId: string }) =>
  (await findKnown(site.rows.db, identity)) !== undefined;

describe('the page of who is signed in', () => {
  test('names what is connected, and ends it with its sessions and open terminals', async () => {
    const identity = await connect('annie of T1');
    const before = await readAccess();
    const phone = site.browser();
    expect((await askTicket(phone, workspace.id, { code: await invite() })).status).toBe(200);
    const late = await invite();
    await ann.signIn();
    const page = await ann.get('/login');
    expect(page.text).toContain('Disconnect annie of T1 in slack T1');
    expect(page.text).toContain(`action="${pathOf(identity).replace('&', '&amp;')}"`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await ann.post(pathOf(identity))).toMatchObject({ status: 303, location: `${site.origin}/login` });
    expect(await isKnown(identity)).toBe(false);
    expect((await ann.get('/login')).text).not.toContain('annie of T1');
    expect(await readAccess()).toBe(before + 1);
    expect((await askTicket(phone)).status).toBe(401);
    expect((await askTicket(site.browser(), workspace.id, { code: late })).status).toBe(410);
    expect((await askTicket(ann)).status).toBe(200);
  });

  test('shows and ends nothing of anybody else, nor who signs in', async () => {
    const identity = await connect();
    site.github.signedInAs('bob');
    const bob = site.browser();
    await bob.signIn();
    expect((await bob.get('/login')).text).not.toContain('annie');
    expect((await bob.post(pathOf(identity))).status).toBe(303);
    expect(await isKnown(identity)).toBe(true);
    const own = { source: 'github', externalId: String(site.github.account('bob').id) };
    await bob.post(pathOf(own));
    expect(await isKnown(own)).toBe(true);
  });

  test('ends nothing for another site, for nobody, and for whom a code let in', async () => {
    const identity = await connect();
    const phone = site.browser();
    await askTicket(phone, workspace.id, { code: await invite() });
    expect((await phone.get('/login')).text).not.toContain('annie');
    for (const browser of [phone, site.browser()])
      expect((await browser.post(pathOf(identity))).status).toBe(403);
    await ann.signIn();
    expect((await ann.post(pathOf(identity), { origin: 'https://evil.example' })).status).toBe(403);
    expect(await isKnown(identity)).toBe(true);
  });
});

test('disconnecting in the chat ends the sessions that it gave', async () => {
  const identity = await connect();
  const phone = site.browser();
  await askTicket(phone, workspace.id, { code: await invite() });
  expect(await unlink(site.rows.db, identity)).toBe(true);
  expect((await askTicket(phone)).status).toBe(401);
  const [row] = await site.rows.sql`select access from workspaces where id = ${workspace.id}`;
  expect(row!['access']).toBe(2);
});

test('who is connected brings along what they made before: tokens, links, open browsers, and no way to a page of their own', async () => {
  const { rows } = site;
  const { db, sql } = rows;
  const before = await rows.addUser('annie');
  const identity = { source: 'slack:T1', externalId: `U${(count += 1)}` };
  await link(db, identity, 'annie', before);
  const made = await rows.addWorkspace({ owner: before });
  await sql`update nodes set agent_key = 'key' where id = ${made.nodeId}`;
  const inviteTo = async () =>
    new URL(await createLink(db, site.origin, { workspace: made.id, user: before, access: 1 })).hash.slice(1);
  const phone = site.browser();
  expect((await askTicket(phone, made.id, { code: await inviteTo() })).status).toBe(200);
  const late = await inviteTo();
  const wanted = { name: 'ci', scope: 'read', lifeMs: 60_000 } as const;
  await insertToken(db, workspace.owner, wanted);
  const { id } = await insertToken(db, before, wanted);
  const secret = (await giveSecret(db, id))!;
  await createSettingsLink(db, site.origin, before);
  const told: string[] = [];
  const listening = await sql.listen('sam', (what) => void told.push(what));

  await db.transaction((tx) => link(tx, identity, 'annie', workspace.owner));

  expect(await spendToken(db, secret)).toMatchObject({ id, owner: workspace.owner, name: 'ci-2' });
  expect((await askTicket(phone, made.id)).status).toBe(200);
  expect((await askTicket(site.browser(), made.id, { code: late })).status).toBe(200);
  expect(await sql`select 1 from tokens where user_id = ${before}`).toEqual([]);
  await until(() => told.includes(`credentials:${made.nodeId}`));
  await listening.unlisten();
});

describe('signing out everywhere', () => {
  test('disconnects the chats, and not who signs in', async () => {
    const identity = await connect();
    await ann.signIn();
    expect((await ann.post('/logout/everywhere')).status).toBe(303);
    expect(await isKnown(identity)).toBe(false);
    await ann.signIn();
    expect((await ann.get('/login')).text).toContain('Signed in as ann');
    expect((await askTicket(ann)).status).toBe(200);
  });

  test('disconnects no forge, though it is switched off by now', async () => {
    const { db, sql } = site.rows;
    const user = workspace.owner;
    const elsewhere = { source: 'forgejo', externalId: '7' };
    await sql`insert into identities (source, external_id, login, user_id) values ('forgejo', '7', 'ann', ${user})`;
    await ann.signIn();
    expect((await ann.get('/login')).text).not.toContain('forgejo');
    await ann.post(pathOf(elsewhere));
    expect((await ann.post('/logout/everywhere')).status).toBe(303);
    expect(await findIdentities(db, [user], 'forgejo')).toHaveProperty('size', 1);
  });

  test('takes a sign-in: a browser that a code let in signs out itself alone', async () => {
    const phone = site.browser();
    await ann.signIn();
    await askTicket(phone, workspace.id, { code: await invite() });
    expect((await phone.get('/login')).text).not.toContain('/logout/everywhere');
    const refused = await phone.post('/logout/everywhere');
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('Sign in with GitHub');
    expect((await askTicket(ann)).status).toBe(200);
    expect((await askTicket(phone)).status).toBe(200);
  });
});
