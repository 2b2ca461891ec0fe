// The fronts that need a vendor keep the contract too, each beside its fake.
import { inSlack } from '../../bot/chat/slack/request.ts';
import { onGitHub } from '../../bot/chat/github/render.ts';
import { startGitHub } from '../testers/github.ts';
import { startSlack } from '../testers/slack.ts';
import { describeFront, type FrontUnderTest } from './front-contract.ts';

describeFront('github', async (): Promise<FrontUnderTest> => {
  const scene = await startGitHub();
  return {
    sam: scene.sam,
    trigger: '/sam',
    traits: onGitHub,
    title: 'GitHub',
    repository: 'acme/api',
    async say(command) {
      await scene.say(`/sam ${command}`);
      return scene.comments().join('\n');
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
});

describeFront('slack', async (): Promise<FrontUnderTest> => {
  const bot = await startSlack();
  const scene = await bot.room();
  return {
    sam: scene.sam,
    trigger: '/sam',
    traits: inSlack,
    title: 'Slack',
    repository: 'acme/api',
    async say(command) {
      await scene.say(command);
      const { dev, people, read, slack } = scene;
      return slack.seenBy(people.bob, dev).map(read).join('\n');
    },
    [Symbol.asyncDispose]: () => bot[Symbol.asyncDispose](),
  };
});
