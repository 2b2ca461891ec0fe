// What opens for somebody else than the owner, and what ends that: their ticket says what they may do, and by what they got in.
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { revokeUser, revokeWorkspace } from '../../bot/access/store/expiry.ts';
import { endShares, findShare, insertShare, readLetIn } from '../../bot/access/store/shares.ts';
import { shareSource } from '../../bot/workspaces/store/shares.ts';
import { useTicketSite } from './ticket-site.ts';

const { site, ask, signIn, invite, change } = useTicketSite();
let bob: string;
let cookie: string;
beforeEach(async () => {
  bob = await site.rows.addUser('bob');
  cookie = await signIn(bob);
});

const ticketFor = async (workspace = site.workspace.id) => {
  const asked = await ask({ workspace }, { cookie });
  const ticket = typeof asked.body['ticket'] === 'string' ? asked.body['ticket'] : undefined;
  return { ...asked, claims: ticket && decodeJwt(ticket), typ: ticket && decodeProtectedHeader(ticket).typ };
};

test.each([
  ['view', { drive: false }, { isLooking: true }],
  ['drive', { drive: true }, {}],
] as const)('whom it is shared with to %s gets a ticket for that and no more', async (may, claims, told) => {
  const share = await site.rows.share(site.workspace, bob, { may });
  const asked = await ticketFor();
  expect(asked.status).toBe(200);
  expect(asked.typ).toBe('sam-guest+jwt');
  const until = Math.floor(share.until.getTime() / 1000);
  expect(asked.claims).toMatchObject({
    sub: bob,
    name: 'bob',
    share: share.seq,
    until,
    access: 1,
    ...claims,
  });
  expect(asked.body).toMatchObject({ ...told, sharedUntil: share.until.toISOString() });
  expect('isLooking' in asked.body).toBe('isLooking' in told);
});

test("the owner's ticket is of its own kind, and says what they are called", async () => {
  await site.rows.share(site.workspace, bob, { may: 'drive' });
  cookie = await signIn(site.workspace.owner);
  expect(await ticketFor()).toMatchObject({ typ: 'sam-ticket+jwt', claims: { name: 'ada', drive: true } });
});

test('a code of a chat lets in whom it is shared with, and nobody else', async () => {
  await site.rows.share(site.workspace, bob);
  const code = await invite(site.workspace, bob);
  const eve = await signIn(await site.rows.addUser('eve'));
  expect((await ask({ workspace: site.workspace.id, code }, { cookie: eve })).status).toBe(404);
  expect((await ask({ workspace: site.workspace.id, code })).status).toBe(200);
});

describe('nothing opens, and it looks like what is not there,', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['without a share', async () => {}],
    ['with one of another workspace', async () => site.rows.share(await site.rows.addWorkspace(), bob)],
    ["with somebody else's", async () => site.rows.share(site.workspace, await site.rows.addUser('eve'))],
    [
      'when its time is over',
      () => site.rows.share(site.workspace, bob, { until: new Date(Date.now() - 1) }),
    ],
    [
      'when it was taken back',
      async () => endShares(site.rows.db, await site.rows.share(site.workspace, bob)),
    ],
    [
      'when they may read the repository no more',
      async () => {
        site.guestRight = { is: 'gone' };
        await site.rows.share(site.workspace, bob);
      },
    ],
    [
      'when a stop has ended all that was handed out',
      async () => {
        await site.rows.share(site.workspace, bob);
        await change({ access: 2 });
      },
    ],
    [
      'when the owner signed out everywhere',
      async () => {
        await site.rows.share(site.workspace, bob);
        await revokeUser(site.rows.db, site.workspace.owner);
      },
    ],
    [
      'when the owner lost the right to the repository',
      async () => {
        await site.rows.share(site.workspace, bob);
        await revokeWorkspace(site.rows.db, site.workspace);
      },
    ],
  ])('%s', async (_, arrange) => {
    await arrange();
    const { status, body } = await ticketFor();
    const nothing = await ticketFor('ws-aaaaaaaaaaaa');
    expect([status, body]).toEqual([404, nothing.body]);
  });
});

test('who signs out everywhere is let in by no share any more, and their browsers are nobody', async () => {
  await site.rows.share(site.workspace, bob);
  await revokeUser(site.rows.db, bob);
  cookie = await signIn(bob);
  expect((await ticketFor()).status).toBe(404);
});

test('when the forge is silent nobody else gets in', async () => {
  await site.rows.share(site.workspace, bob);
  site.guestRight = { is: 'unknown', title: 'GitHub' };
  expect((await ticketFor()).body['error']).toBe('forge-silent');
});

test('of one that does not run they hear that, and no command that is not theirs to say', async () => {
  await site.rows.share(site.workspace, bob);
  await change({ phase: 'stopped', desired: 'stopped' });
  const { status, body } = await ticketFor();
  expect([status, body['error'], body['command']]).toEqual([
    409,
    'not-running',
    `status ${site.workspace.id}`,
  ]);
});

test('sharing again puts the new right in place of the old one', async () => {
  const { db } = site.rows;
  const until = new Date(Date.now() + 60_000);
  const first = await insertShare(db, site.workspace, { person: bob, may: 'drive', until });
  const second = await insertShare(db, site.workspace, { person: bob, may: 'view', until });
  expect(await findShare(db, site.workspace.id, bob)).toMatchObject({ id: second.id, may: 'view' });
  const letIn = (await readLetIn(db, [site.workspace.id])).get(site.workspace.id);
  expect(letIn).toEqual({ upTo: second.seq, open: [second.seq] });
  expect(second.seq).toBeGreaterThan(first.seq);
});

test('agents hear of the end of a share by its time, and cards are drawn again, once', async () => {
  const { rows } = site;
  const { id, nodeId } = site.workspace;
  await rows.share(site.workspace, bob, { until: new Date(Date.now() - 1_000) });
  await rows.sql`insert into cards (front, thread, subject) values ('slack', ${id}, ${id})`;
  const heard: string[] = [];
  const listening = await rows.sql.listen('sam', (hint) => heard.push(hint));
  await shareSource(rows.db).take();
  await expect.poll(() => heard).toContain(`desired:${nodeId}`);
  await shareSource(rows.db).take();
  await listening.unlisten();
  expect(await rows.sql`select want_version from cards where subject = ${id}`).toEqual([{ want_version: 2 }]);
  expect((await readLetIn(rows.db, [id])).get(id)?.open).toEqual([]);
});
