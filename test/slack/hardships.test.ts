// What Slack and people do to a bot: forged and repeated requests, closed rooms, limits, hours of errors, odd texts.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../until.ts';
import type { Message } from '../fakes/slack/slack.ts';
import { startSlack, type Slack } from '../testers/slack.ts';

let bot: Slack;
/** Of the test alone. */
let context: Slack;
beforeAll(async () => {
  bot = await startSlack();
});
afterAll(() => bot[Symbol.asyncDispose]());
beforeEach(async () => {
  context = await bot.room();
});

const count = async (what: string): Promise<number> => {
  const [row] = await context.place.sql<
    { count: number }[]
  >`select count(*)::int as count from ${context.place.sql(what)}`;
  return row!.count;
};
const slashBody = (text: string, more: Record<string, string> = {}): string =>
  new URLSearchParams({
    command: '/sam',
    text,
    team_id: context.slack.world.team,
    user_id: context.people.bob.id,
    user_name: 'bob',
    channel_id: context.dev.id,
    response_url: `${context.slack.url}/hooks/none`,
    trigger_id: `1.2.${randomBytes(8).toString('hex')}`,
    ...more,
  }).toString();
const seconds = (): number => Math.floor(Date.now() / 1000);
/** What a call says, whether it came as JSON or as a form. */
const wordsOf = ({ body }: { body: string }): string =>
  body.startsWith('{') ? body : [...new URLSearchParams(body).values()].join('\n');
const cardsOf = (name: string): Message[] =>
  context.slack.world.messages.filter((one) => one.metadata && one.text.startsWith(`${name}:`));
/** An answer that could not be shown waits for its lease; nobody here has that long. */
const endLeases = () =>
  context.place.sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;

test('what is not signed, or not just now, is refused, and nothing of it is kept', async () => {
  const before = await count('deliveries');
  const answers = await Promise.all([
    context.slack.send(slashBody('list'), 'form', { secret: 'another secret of 16 or more' }),
    context.slack.send(slashBody('list'), 'form', { at: seconds() - 301 }),
    context.slack.send(slashBody('list'), 'form', { at: seconds() + 302 }),
    context.slack.send(slashBody('list'), 'form', { headers: { 'x-slack-signature': '' } }),
    context.slack.send(slashBody('list'), 'form', { headers: { 'x-slack-request-timestamp': 'now' } }),
    context.slack.send(`ssl_check=1&${slashBody('list')}`, 'form', {
      secret: 'another secret of 16 or more',
    }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
  expect(await count('deliveries')).toBe(before);
  // A clock may be a little wrong, ours or Slack's.
  for (const at of [seconds() - 290, seconds() + 290])
    expect((await context.slack.send(slashBody('list'), 'form', { at })).status).toBe(200);
  const large = await context.slack.send(slashBody('x'.repeat(300_000)), 'form');
  expect(large.status).toBe(413);
});

test('what Slack asks of an address it is told to use is answered', async () => {
  const sent = await context.slack.send(
    JSON.stringify({ type: 'url_verification', challenge: 'abc' }),
    'json',
  );
  expect(sent).toMatchObject({ status: 200 });
  expect(sent.answer).toContain('abc');
  const unknown = await context.slack.send(JSON.stringify({ type: 'something_new' }), 'json');
  expect(unknown.status).toBe(200);
});

test('a request that is sent again is the same request', async () => {
  const sent = await context.slack.slash(context.people.bob, context.dev, 'list');
  await context.settle();
  const before = [await count('deliveries'), context.slack.world.messages.length];
  const again = await context.slack.again(sent, { 'x-slack-retry-num': '1' });
  await context.settle();
  expect(again.status).toBe(200);
  expect([await count('deliveries'), context.slack.world.messages.length]).toEqual(before);
});

test('what could not be kept is not acknowledged, so that Slack sends it again', async () => {
  const { sql } = context.place;
  await sql`create function refuse() returns trigger language plpgsql as 'begin raise exception ''no room''; end'`;
  await sql`create trigger refuse before insert on deliveries for each row execute function refuse()`;
  const { bob } = context.people;
  const message = { type: 'message', channel_type: 'im', user: bob.id, text: 'list', ts: '1.5' };
  const lost = await context.slack.event({ ...message, channel: context.slack.directOf(bob).id });
  await sql`drop trigger refuse on deliveries`;
  const kept = await context.slack.again(lost, { 'x-slack-retry-num': '1' });
  await context.settle();
  expect([lost.status, kept.status]).toEqual([500, 200]);
  expect(context.slack.seenBy(bob, context.slack.directOf(bob)).at(-1)!.text).toContain(
    'You have no workspace yet',
  );
});

test('one message that comes as two events is heard once', async () => {
  const { bob } = context.people;
  const before = context.slack.seenBy(bob, context.slack.directOf(bob)).length;
  const message = await context.slack.direct(bob, 'list');
  const event = { type: 'app_mention', user: bob.id, text: 'list', ts: message.ts, channel: message.channel };
  await context.slack.event(event);
  await context.settle();
  // What was said, and one answer.
  expect(context.slack.seenBy(bob, context.slack.directOf(bob))).toHaveLength(before + 2);
});

test('bots, edits and other people’s talk are not heard', async () => {
  const before = await count('deliveries');
  const { botUser } = context.slack.world;
  const said = {
    type: 'app_mention',
    user: context.people.bob.id,
    text: `<@${botUser}> list`,
    ts: '1.1',
    channel: context.dev.id,
  };
  await context.slack.event({ ...said, bot_id: 'B1' });
  await context.slack.event({ ...said, subtype: 'message_changed' });
  // The manifest asks for none of these; a workspace may have given more by hand.
  const event = { ...said, type: 'message', channel_type: 'channel' };
  const body = { type: 'event_callback', team_id: context.slack.world.team, event_id: 'Ev0', event };
  expect((await context.slack.send(JSON.stringify(body), 'json')).status).toBe(200);
  expect(await count('deliveries')).toBe(before);
});

test('phones, pasted tokens and novels are understood or answered', async () => {
  expect((await context.say('up acme/api —name “my-fix”')).at(-1)).toContain('*`my-fix`* running');
  expect(await context.say(`stop <@${context.people.eve.id}>`)).toMatchInlineSnapshot(`
    [
      "\`&lt;@U-eve&gt;\` is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: \`/sam help stop\`.
    Usage: \`/sam stop [target]\`",
    ]
  `);
  expect(await context.say('stop <#C0123ABCD|general>')).toMatchInlineSnapshot(`
    [
      "\`&lt;#C0123ABCD&gt;\` is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: \`/sam help stop\`.
    Usage: \`/sam stop [target]\`",
    ]
  `);
  expect(await context.say('stop &lt;!channel&gt;')).toMatchInlineSnapshot(`
    [
      "\`&lt;!channel&gt;\` is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: \`/sam help stop\`.
    Usage: \`/sam stop [target]\`",
    ]
  `);
  expect(await context.say('satus')).toMatchInlineSnapshot(`
    [
      "I don't know \`satus\`. Did you mean \`/sam status\`? All commands: \`/sam help\`.
    [Run /sam status]",
    ]
  `);
  expect(await context.say(`up ${'x'.repeat(40_000)}`)).toMatchInlineSnapshot(`
    [
      "\`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\` is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: \`/sam help up\`.
    Usage: \`/sam up [target] [--size s|m|l] [--name NAME] [--ref REF] [--config TEXT] [--expiry 4h] [--trust-fork SHA] [--new]\`",
    ]
  `);
});

test('a hundred presses and retries at once restart once', async () => {
  await context.say('up acme/api --name pressed');
  const { bob } = context.people;
  const card = cardsOf('pressed')[0]!;
  const [before] = await context.place.sql<
    { run: number }[]
  >`select run from workspaces where name = 'pressed'`;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const sent = await context.slack.press(bob, card, 'Restart');
      await context.slack.again(sent, { 'x-slack-retry-num': '1' });
    }),
  );
  await context.settle();
  const [after] = await context.place.sql<
    { run: number }[]
  >`select run from workspaces where name = 'pressed'`;
  expect(after!.run).toBe(before!.run + 1);
  expect(await context.place.sql`select 1 from commands where verb = 'restart'`).toHaveLength(1);
  expect(context.slack.world.complaints).toEqual([]);
});

test('an answer whose address is used up, or not Slack’s, comes another way', async () => {
  const { bob } = context.people;
  for (const url of [`${context.slack.url}/hooks/none`, 'https://evil.example/hooks/1', 'no address']) {
    const before = context.slack.seenBy(bob, context.dev).length;
    await context.slack.send(slashBody('whoami', { response_url: url }), 'form');
    await context.settle();
    const [answer, ...more] = context.slack.seenBy(bob, context.dev).slice(before);
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ ephemeralTo: bob.id, text: expect.stringContaining('You are bob') });
  }
});

test('where the bot is not in the channel, card and answer come in private, with what to do', async () => {
  const { bob } = context.people;
  const closed = context.slack.addChannel('closed', [bob], { withBot: false, isPrivate: true });
  const seen = await context.say('up acme/api --name closed-room --new', bob, closed);
  expect(seen.at(-1)).toMatchInlineSnapshot(`
    ":white_check_mark: *\`closed-room\`* running
    \`acme/api\` @ \`commit\` · medium · on the host, which does not isolate · for \`bob\`
    [Open terminal] [Keep 4h] [Stop] [⋯ Restart | Logs | Rename… | Delete…]
    stops at TIME if idle · ws-1
    I cannot write in <#C-closed>, so the card is here. For the next one, invite me there: \`/invite @Sam\`."
  `);
  const before = context.slack.seenBy(bob, context.slack.directOf(bob)).length;
  await context.slack.send(slashBody('whoami', { channel_id: closed.id }), 'form');
  await context.settle();
  expect(context.slack.seenBy(bob, context.slack.directOf(bob))).toHaveLength(before + 1);
});

test('an archived channel gets no card and holds up nothing', async () => {
  const { bob } = context.people;
  const old = context.slack.addChannel('old', [bob]);
  await context.say('up acme/api --name old-room --new', bob, old);
  expect(cardsOf('old-room')).toHaveLength(1);
  old.isArchived = true;
  await context.say('stop old-room', bob);
  expect(cardsOf('old-room').map((one) => one.text)).toEqual(['old-room: running', 'old-room: stopped']);
  const seen = await context.say('up acme/api --name older-room --new', bob, old);
  expect(seen.at(-1)).toContain('I cannot write in <#C-old>, so the card is here.');
});

test('Slack’s limits only make it later', async () => {
  context.slack.limit('chat.postMessage', 1);
  await context.say('up acme/api --name limited --new');
  expect(cardsOf('limited')).toHaveLength(1);
  context.slack.limit('chat.update', 1);
  await context.say('stop limited');
  expect(context.read(cardsOf('limited')[0]!)).toContain('stopped');
});

test(
  'while Slack answers 500, for an hour, nothing is lost, and afterwards nothing is doubled',
  { timeout: 120_000 },
  async () => {
    await context.say('up acme/api --name failing');
    await context.say('stop failing');
    const { bob } = context.people;
    const { seen } = context.slack.server;
    const tried = (path: string, what: string): boolean =>
      seen.some((one) => one.status === 500 && one.path.startsWith(path) && wordsOf(one).includes(what));
    const [{ id } = { id: 0 }] = await context.place.sql<
      { id: number }[]
    >`select max(id) as id from commands`;
    context.slack.down(1000);
    await context.slack.slash(bob, context.dev, 'start failing');
    await context.slack.slash(bob, context.dev, 'whoami');
    // The start itself has ended, and the card's last state and what `whoami` says were refused: each waits for its next try.
    await until(async () => {
      const [row] = await context.place.sql`select 1 from commands where id > ${id} and status = 'done'`;
      const isCardTried = tried('/api/chat.update', 'failing: running');
      return row !== undefined && isCardTried && tried('/hooks/', 'You are bob');
    }, 60_000);
    // By then the addresses for answers are too old.
    await context.place
      .sql`update deliveries set received_at = received_at - interval '1 hour' where answered_at is null`;
    for (const hook of context.slack.world.hooks.values()) hook.expiresAt = 0;
    const before = context.slack.seenBy(bob, context.dev).length;
    context.slack.mend();
    await endLeases();
    await until(() => context.slack.seenBy(bob, context.dev).length > before);
    await context.settle();
    expect(context.slack.seenBy(bob, context.dev)).toHaveLength(before + 1);
    expect(cardsOf('failing')).toHaveLength(1);
    expect(context.read(cardsOf('failing')[0]!)).toContain('running');
  },
);

test('with a revoked token cards and answers wait, and catch up', async () => {
  await context.say('up acme/api --name revoked');
  const { bob } = context.people;
  const before = context.slack.seenBy(bob, context.dev).length;
  context.slack.world.isRevoked = true;
  await context.slack.slash(bob, context.dev, 'stop revoked');
  await context.slack.mention(bob, context.dev, '{bot} whoami');
  await until(async () => (await context.sam.row('revoked')).phase === 'stopped');
  await until(async () => {
    const [open] = await context.place.sql`select 1 from deliveries where ended_at is null`;
    return open === undefined;
  });
  context.slack.world.isRevoked = false;
  await context.settle();
  expect(context.read(cardsOf('revoked')[0]!)).toContain('stopped');
  // What was promised, what was said, and what came of it.
  const [, , answer, ...more] = context.slack.seenBy(bob, context.dev).slice(before);
  expect([context.read(answer!), more]).toEqual([expect.stringContaining('You are bob'), []]);
});

test('a card that was posted twice goes away at the first press on it, and the press counts', async () => {
  context.slack.server.fail({ path: /chat\.postMessage$/, fault: '502 after' });
  await context.say('up acme/api --name twice --new');
  const [unknown, known] = cardsOf('twice');
  expect(known).toBeDefined();
  await context.press('Stop', { ...unknown!, blocks: known!.blocks });
  expect(cardsOf('twice')).toEqual([known]);
  expect(context.read(known!)).toContain('stopped');
});

test('a card whose number got lost is taken over at the first press on it', async () => {
  await context.say('up acme/api --name lost');
  await context.say('stop lost');
  const [card] = cardsOf('lost');
  await context.place
    .sql`update cards set external_id = null where subject = ${(await context.sam.row('lost')).id}`;
  await context.press('Start', card!);
  expect(cardsOf('lost')).toEqual([card]);
  expect(context.read(card!)).toContain('running');
});

test('a card that somebody deletes is posted again once', async () => {
  await context.say('up acme/api --name unwanted');
  const remove = (): void =>
    void context.slack.world.messages.splice(
      context.slack.world.messages.indexOf(cardsOf('unwanted')[0]!),
      1,
    );
  remove();
  await context.say('stop unwanted');
  expect(cardsOf('unwanted')).toHaveLength(1);
  remove();
  await context.say('start unwanted');
  await context.say('stop unwanted');
  expect(cardsOf('unwanted')).toEqual([]);
});

test('the same id in another team is somebody else', async () => {
  await context.slack.send(slashBody('whoami', { team_id: 'T0OTHER' }), 'form');
  await context.settle();
  const [row] = await context.place.sql<{ text: string }[]>`
    select answer::text as text from deliveries where thread = ${`T0OTHER/${context.people.bob.id}`}`;
  const [bob] = await context.place.sql<
    { id: string }[]
  >`select id from users where name = ${context.people.bob.name}`;
  expect(row!.text).toContain('"ok": true');
  expect(row!.text).not.toContain(bob!.id);
});
