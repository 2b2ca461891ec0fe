// Saying who one is on GitHub: a private link, a sign-in, a page that asks, and then what was said first goes on.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Message } from '../fakes/slack/slack.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  bot = await startSlack({ withoutLinks: true });
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  context = await bot.room();
  context.github.signedInAs(undefined);
});

interface Visit {
  status: number;
  text: string;
  location: string | undefined;
}

/** A browser that keeps cookies and follows everything, GitHub's pages too. */
function createBrowser() {
  const cookies = new Map<string, string>();
  let shown = '';
  const origin = () => new URL(context.sam.bot.url).origin;
  const visit = async (to: string, init: RequestInit = {}): Promise<Visit> => {
    const url = new URL(to, origin());
    const isOurs = url.origin === origin();
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(isOurs && cookie ? { cookie } : {}) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of isOurs ? response.headers.getSetCookie() : []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0(;|$)/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location') ?? undefined;
    shown = await response.text();
    return { status: response.status, text: shown, location };
  };
  return {
    visit,
    /** Goes where it is sent, up to the page at the end. */
    async follow(to: string): Promise<Visit> {
      const { pathname, hash } = new URL(to, origin());
      // As the script of the page does.
      const taken = hash
        ? await visit(`${pathname}/code`, {
            method: 'POST',
            body: hash.slice(1),
            headers: { origin: origin() },
          })
        : undefined;
      let page = await visit(taken ? (JSON.parse(taken.text) as { next: string }).next : to);
      for (let step = 0; page.location && step < 10; step++) page = await visit(page.location);
      return page;
    },
    /** Presses the button of the page that `page` is, or of the last one. */
    press: ({ text } = { text: shown }, from = origin()) =>
      visit(/action="([^"]*)"/.exec(text)?.[1] ?? '/connect', { method: 'POST', headers: { origin: from } }),
  };
}

const linkIn = (message: Message): string =>
  /<(http[^|>]+\/connect[^|>]*)\|/.exec(JSON.stringify(message.blocks))![1]!;
const lastOf = (name: 'ada' | 'bob' | 'eve'): Message =>
  context.slack.seenBy(context.people[name], context.dev).at(-1)!;
const titleOf = ({ text }: Visit): string => /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? text;

/** bob says who he is on GitHub. */
async function connectBob(): Promise<string> {
  await context.say('connect');
  const link = linkIn(lastOf('bob'));
  const browser = createBrowser();
  context.github.signedInAs(context.people.bob.name);
  await browser.follow(link);
  await browser.press();
  await context.settle();
  return link;
}

test('the first command of somebody unknown brings a private way to the sign-in, and goes on after it', async () => {
  expect(await context.say('up acme/api')).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      "*<http://localhost/connect#CODE|Connect your GitHub account>*
    I do not know yet who you are on GitHub, and what you may do here is what you may do there. After the sign-in, what you said goes on by itself. The link is for you alone, and works once, within 10 minutes.",
    ]
  `);
  expect(lastOf('bob').ephemeralTo).toBe(context.people.bob.id);
  const { name } = context.people.bob;
  const browser = createBrowser();
  context.github.signedInAs(name);
  const page = await browser.follow(linkIn(lastOf('bob')));
  expect(titleOf(page)).toBe('Are both of these you?');
  expect(page.text).toContain(`${name} in the Slack workspace T0TEAM, and ${name} on GitHub`);
  expect(titleOf(await browser.press())).toBe('Connected');
  await context.settle();
  expect(context.read(context.card())).toContain('*`api`* running');
});

test('the link works once', async () => {
  const link = await connectBob();
  const browser = createBrowser();
  context.github.signedInAs(context.people.bob.name);
  expect(await browser.follow(link)).toMatchObject({ status: 410 });
  expect(await browser.press()).toMatchObject({ status: 410 });
});

test('a visit spends nothing, a foreign page connects nobody', async () => {
  await context.say('connect', context.people.ada);
  const link = linkIn(lastOf('ada'));
  for (let scan = 0; scan < 3; scan++) await createBrowser().follow(link);
  const browser = createBrowser();
  context.github.signedInAs('ada');
  const page = await browser.follow(link);
  expect(await browser.press(page, 'https://evil.example')).toMatchObject({ status: 403 });
  expect(titleOf(await browser.press(page))).toBe('Connected');
  await context.settle();
  expect(context.read(lastOf('ada'))).toMatchInlineSnapshot(
    `"You are connected with GitHub as \`ada\`. To undo it: \`/sam disconnect\`."`,
  );
});

test('rights are those of the GitHub account', async () => {
  await context.say('connect', context.people.eve);
  const browser = createBrowser();
  context.github.signedInAs('eve');
  await browser.follow(linkIn(lastOf('eve')));
  await browser.press();
  await context.settle();
  expect(await context.say('up acme/api', context.people.eve)).toMatchInlineSnapshot(`
    [
      "On it: \`up acme/api\`",
      "\`/sam up\` needs *write* on \`acme/api\`; you have *read*. A maintainer can run it for you.",
    ]
  `);
});

test('a link that somebody slips into the browser meanwhile is not what the page was about', async () => {
  const mallory = context.slack.addPerson('mallory');
  context.dev.members.add(mallory.id);
  const bob = context.slack.addPerson('bob-two');
  context.dev.members.add(bob.id);
  const linkOf = async (person: typeof bob): Promise<string> => {
    await context.say('connect', person);
    return linkIn(context.slack.seenBy(person, context.dev).at(-1)!);
  };
  const browser = createBrowser();
  context.github.signedInAs(context.people.bob.name);
  const own = await browser.follow(await linkOf(bob));
  const slipped = await browser.follow(await linkOf(mallory));
  expect(slipped.text).toContain('mallory in the Slack workspace');
  const answer = await browser.press(own);
  expect([answer.status, answer.location]).toEqual([303, `${context.sam.bot.url}/connect`]);
  await context.settle();
  const rows = await context.place.sql`
    select 1 from identities where external_id in (${mallory.id}, ${bob.id}) and source like 'slack:%'
      and user_id in (select user_id from identities where source = 'github')`;
  expect(rows).toEqual([]);
});

test('who is unknown learns nothing of what is there', async () => {
  const stranger = context.slack.addPerson('stranger');
  context.dev.members.add(stranger.id);
  await context.github.addRepository('acme/secret', { private: true });
  const answers = [];
  for (const line of ['up acme/secret', 'up acme/nothing', 'list', 'stop api'])
    answers.push((await context.say(line, stranger)).at(-1));
  expect(new Set(answers).size).toBe(1);
  expect((await context.say('help', stranger)).at(-1)).toContain('I make cloud workspaces');
});

test('one GitHub account may be connected from several teams, and sees the same workspaces', async () => {
  await connectBob();
  await context.say('up acme/api');
  const other = context.slack.addPerson('robert', 'T0GUEST');
  context.dev.members.add(other.id);
  await context.slack.mention(other, context.dev, '{bot} list');
  await context.settle();
  const link = linkIn(context.slack.seenBy(other, context.dev).at(-1)!);
  const browser = createBrowser();
  context.github.signedInAs(context.people.bob.name);
  expect((await browser.follow(link)).text).toContain(
    `in the Slack workspace T0GUEST, and ${context.people.bob.name} on GitHub`,
  );
  await browser.press();
  await context.settle();
  expect(context.read(context.slack.seenBy(other, context.dev).at(-1)!)).toContain('api   running');
});

test('`disconnect` forgets it, and the workspaces stay', async () => {
  await connectBob();
  await context.say('up acme/api');
  await context.press('Open terminal', context.card());
  const codes = () => context.place.sql`select 1 from tokens where purpose = 'link' and used_at is null`;
  expect(await codes()).toHaveLength(1);
  expect(await context.say('disconnect')).toMatchInlineSnapshot(`
    [
      "You are not connected with GitHub any more. Your workspaces go on; connect again to use them from here: \`/sam connect\`.",
    ]
  `);
  // And the link that was not used yet is worth nothing.
  expect(await codes()).toEqual([]);
  expect((await context.say('list')).at(-1)).toContain('Connect your GitHub account');
  expect(await context.say('disconnect')).toMatchInlineSnapshot(`
    [
      "You were not connected with GitHub. To connect: \`/sam connect\`.",
    ]
  `);
  expect(context.read(context.card())).toContain('running');
});

test('what somebody made before there was a GitHub to connect with is theirs after it', async () => {
  const { sql } = context.place;
  const { bob } = context.people;
  await connectBob();
  await context.say('up acme/api');
  const { id } = await context.sam.row('api');
  const [mine] = await sql<{ owner: string; node: string }[]>`
    select owner, node_id as node from workspaces where id = ${id}`;
  // As it was without a GitHub App: the workspace, its machine and the command are those of a person of Slack's.
  await sql`insert into users (id, name) values ('us-slack-only', 'bob')`;
  await sql`insert into identities (source, external_id, user_id, login)
    values ('slack:T0TEAM', ${bob.id}, 'us-slack-only', 'bob')
    on conflict (source, external_id) do update set user_id = 'us-slack-only'`;
  await sql`update workspaces set owner = 'us-slack-only', key = replace(key, owner, 'us-slack-only') where id = ${id}`;
  await sql`update nodes set owner = 'us-slack-only' where id = ${mine!.node}`;
  await sql`update commands set actor = 'us-slack-only' where actor = ${mine!.owner}`;
  // And with the App they made the same one once more, on GitHub.
  const issue = context.github.addIssue('acme/api', { by: bob.name });
  await context.github.comment(issue, bob.name, '/sam up acme/api --name api');
  await context.settle();

  await context.say('list');
  const browser = createBrowser();
  context.github.signedInAs(context.people.bob.name);
  await browser.follow(linkIn(lastOf('bob')));
  expect(titleOf(await browser.press())).toBe('Connected');
  await context.settle();
  expect(context.read(lastOf('bob'))).toMatch(/^api +running .*\n.*^api-2 +running/ms);
  expect(
    await sql`select 1 from workspaces where owner = 'us-slack-only'
    union all select 1 from nodes where owner = 'us-slack-only'`,
  ).toEqual([]);
  expect(context.read(context.card())).toContain('*`api-2`* running');
  await context.press('Stop', context.card());
  expect(context.read(context.card())).toContain('stopped');
  expect((await context.say('up acme/api')).join()).toContain('`api` is there already.');
  // What they said themselves is no news to them.
  expect(context.slack.seenBy(bob, context.slack.directOf(bob))).toEqual([]);
});
