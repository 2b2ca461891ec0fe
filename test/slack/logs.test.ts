// What the log of the bot says while everything fails: enough to mend it, and nothing that lets a reader do anything.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../until.ts';
import { createBrowser } from './browser.ts';
import { openLog } from './log.ts';
import { startSlack, type Slack, secretsOf } from '../testers/slack.ts';

const log = openLog();
let context: Slack;
beforeAll(async () => {
  context = await startSlack({ log: log.logger });
});
afterAll(() => context[Symbol.asyncDispose]());

/** An answer that could not be shown waits for its lease; nobody here has that long. */
const endLeases = () =>
  context.place.sql`update deliveries set lease_until = clock_timestamp() where lease_until is not null`;
async function settle(): Promise<void> {
  let isOver = false;
  const settled = context.settle().finally(() => (isOver = true));
  await until(async () => {
    await endLeases();
    return isOver;
  }, 60_000);
  await settled;
}
const says = (...words: string[]) =>
  until(() =>
    log
      .messages('warn')
      .concat(log.messages('error'))
      .some((line) => words.some((one) => line.includes(one))),
  );

test(
  'a stranger, a link, a form that fails, an hour of errors, a lost token: all of it is in the log, and no secret',
  { timeout: 180_000 },
  async () => {
    const { bob, ada } = context.people;
    const { slack, dev } = context;
    await context.say('up acme/api');
    await context.press('Open terminal', context.card());
    await context.say('disconnect', ada);
    await context.say('list', ada);
    const link = /<(http[^|>]+)\|Connect/.exec(JSON.stringify(slack.world.messages))![1]!;
    await createBrowser(new URL(context.sam.bot.url).origin).follow(link);

    slack.refuse('views.open', 'expired_trigger_id');
    await slack.press(bob, context.card(), 'Rename…');
    await says('a form could not be opened');
    slack.limit('chat.update', 1);
    await context.say('stop api');
    await says('a card could not be sent');
    slack.refuse('chat.postEphemeral', 'invalid_blocks');
    slack.server.fail({ path: /^\/hooks\//, fault: { status: 404, body: { ok: false, error: 'used_url' } } });
    await context.say('whoami');
    await says('Slack refused an answer');
    for (const fault of ['reset', '502', 'html', 'redirect', 'half an answer after'] as const) {
      slack.server.fail({ path: /^\/hooks\//, fault });
      slack.server.fail({ path: /^\/api\//, fault });
      await slack.slash(bob, dev, 'list');
      await slack.mention(bob, dev, '{bot} list', context.card());
      await until(async () => {
        await endLeases();
        return !slack.server.unsprung().some((trap) => trap.fault === fault);
      });
    }
    await says('an answer could not be shown');
    await settle();
    slack.world.isRevoked = true;
    await slack.slash(bob, dev, 'start api');
    await says('Slack does not let us speak there');
    slack.world.isRevoked = false;
    await slack.send('command=%2Fsam&text=list', 'form', { secret: 'another secret of 16 or more' });
    await settle();

    const text = log.text();
    const secrets = secretsOf(context);
    expect(secrets.length).toBeGreaterThan(30);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  },
);
