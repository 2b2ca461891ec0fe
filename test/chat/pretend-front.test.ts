// What it takes to add a front, and a command: a whole bot with one of each in its tables, which it was not written for.
import { expect, onTestFinished, test } from 'vitest';
import { atTerminal } from '../../bot/chat/console/render.ts';
import type { Command } from '../../bot/commands/context.ts';
import { commands } from '../../bot/commands/index.ts';
import { fronts } from '../../bot/fronts.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { describeFront, type FrontUnderTest } from './front-contract.ts';
import { createPretendFront, inRoom, TRIGGER, type PretendFront } from './pretend-front.ts';

/** Says its words, so that a test sees that it ran. */
const wave: Command = {
  name: 'wave',
  aliases: ['greet'],
  summary: 'Waves at whoever says it.',
  usage: 'wave [target]',
  examples: ['wave'],
  who: 'Everyone.',
  flags: {},
  takes: 'none',
  common: true,
  run: (_, { actor, traits }) =>
    Promise.resolve({
      answer: { ok: true, code: 'renamed', details: { from: traits.title, name: actor.name } },
    }),
};

interface Scene {
  sam: Sam;
  pretend: PretendFront;
  /** Says it there as ann, and gives what is new once all is settled. */
  say: (line: string) => Promise<string>;
}

async function open(): Promise<Scene> {
  const pretend = createPretendFront();
  const sam = await startSam({ fronts: [...fronts, pretend.entry], commands: [...commands, wave] });
  return {
    sam,
    pretend,
    async say(line) {
      const before = new Set(pretend.shown());
      await pretend.says('ann', line);
      await sam.settle();
      return pretend
        .shown()
        .filter((text) => !before.has(text))
        .join('\n');
    },
  };
}

async function openHere(): Promise<Scene> {
  const context = await open();
  onTestFinished(() => context.sam[Symbol.asyncDispose]());
  return context;
}

describeFront('pretend', async (): Promise<FrontUnderTest> => {
  const { sam, say } = await open();
  sam.place.repository('demo');
  return {
    sam,
    trigger: TRIGGER,
    traits: inRoom,
    title: 'Pretend',
    repository: './demo',
    say: (command) => say(`${TRIGGER} ${command}`),
    [Symbol.asyncDispose]: () => sam[Symbol.asyncDispose](),
  };
});

describeFront('console', async (): Promise<FrontUnderTest> => {
  const sam = await startSam();
  sam.place.repository('demo');
  return {
    sam,
    trigger: '',
    traits: atTerminal,
    title: 'console',
    repository: './demo',
    say: (command) => sam.say(command),
    [Symbol.asyncDispose]: () => sam[Symbol.asyncDispose](),
  };
});

test('a new command is in help, is what a typo meant, and runs', async () => {
  const { sam, say } = await openHere();
  expect(await say(`${TRIGGER} help`)).toContain(`- \`${TRIGGER} wave [target]\`: waves at whoever says it.`);
  expect(await say(`${TRIGGER} help wave`)).toContain('Other names: `greet`.');
  expect(await say(`${TRIGGER} wvae`)).toContain(`Did you mean \`${TRIGGER} wave\`?`);
  expect(await say(`${TRIGGER} greet`)).toBe('`the room` is now `ann`.');
  expect(await sam.say('wave')).toBe('`the console` is now `ada`.');
});

test('a new front hears no line that is not for it, and is started and stopped with the bot', async () => {
  const { sam, pretend, say } = await open();
  expect(await say('up ./demo')).toBe('');
  expect(pretend.calls).toEqual(['start']);
  await sam[Symbol.asyncDispose]();
  expect(pretend.calls).toEqual(['start', 'stop']);
});
