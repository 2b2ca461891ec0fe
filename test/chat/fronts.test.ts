// The fronts that need a vendor keep the contract too, each beside its fake.
import { inSlack } from '../../bot/chat/slack/request.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { startGitHub } from '../testers/github.ts';
import { startSlack } from '../testers/slack.ts';
import { describeFront, type FrontUnderTest } from './front-contract.ts';

describeFront('github', async (): Promise<FrontUnderTest> => {
  const context = await startGitHub();
  return {
    sam: context.sam,
    trigger: '/sam',
    traits: onGitHub,
    title: 'GitHub',
    repository: 'acme/api',
    async say(command) {
      await context.say(`/sam ${command}`);
      return context.comments().join('\n');
    },
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
});

describeFront('slack', async (): Promise<FrontUnderTest> => {
  const bot = await startSlack();
  const context = await bot.room();
  return {
    sam: context.sam,
    trigger: '/sam',
    traits: inSlack,
    title: 'Slack',
    repository: 'acme/api',
    async say(command) {
      await context.say(command);
      const { dev, people, read, slack } = context;
      return slack.seenBy(people.bob, dev).map(read).join('\n');
    },
    [Symbol.asyncDispose]: () => bot[Symbol.asyncDispose](),
  };
});
