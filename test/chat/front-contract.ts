// What every front promises, whoever's it is: run over each of them, with a whole bot behind it.
import { describe, expect, onTestFinished, test } from 'vitest';
import { isOffered, type FrontTraits } from '../../bot/commands/command.ts';
import { commands } from '../../bot/commands/index.ts';
import type { Sam } from '../testers/sam.ts';

export interface FrontUnderTest extends AsyncDisposable {
  sam: Sam;
  /** What a command begins with there. */
  trigger: string;
  traits: FrontTraits;
  title: string;
  /** What `up` takes there for a repository that exists. */
  repository: string;
  /** Says the command, waits until all is settled, and gives what can be read then: answers and cards. */
  say: (command: string) => Promise<string>;
}

export function describeFront(name: string, start: () => Promise<FrontUnderTest>): void {
  describe(`the front ${name}`, () => {
    async function open(): Promise<FrontUnderTest> {
      const front = await start();
      onTestFinished(() => front[Symbol.asyncDispose]());
      return front;
    }
    const spoken = (trigger: string, line: string): string => (trigger ? `${trigger} ${line}` : line);

    test('is told of by the banner, as on', async () => {
      const { sam, title } = await open();
      expect(sam.bot.fronts.find((one) => one.title === title)).toMatchObject({ isOn: true });
    });

    test('help has each command that can be said there, and none that cannot', async () => {
      const { say, trigger, traits } = await open();
      const text = await say('help');
      expect(text).toContain(`\`${spoken(trigger, 'stop [target]')}\``);
      for (const spec of commands) {
        const isThere = new RegExp(`\`(?:\\S+ )?${spec.name}[ \`]`).test(text);
        expect([spec.name, isThere]).toEqual([spec.name, isOffered(spec, traits)]);
      }
    });

    test('what is nearly a command is answered with the one that was meant, as it is typed there', async () => {
      const { say, trigger } = await open();
      expect(await say('lsit')).toContain(`Did you mean \`${spoken(trigger, 'list')}\`?`);
    });

    test('a workspace is shown as it is when it runs, and when it is stopped', async () => {
      const { say, sam, repository } = await open();
      expect(await say(`up ${repository} --name box`)).toMatch(/box.*running/);
      expect((await sam.row('box')).phase).toBe('running');
      expect(await say('stop box')).toMatch(/box.*stopped/);
      expect(await sam.place.sql`select 1 from cards where want_version <> sent_version`).toEqual([]);
    });

    test('what cannot be done is answered, and nothing is left to do', async () => {
      const { say, sam } = await open();
      expect(await say('stop nowhere')).toContain('nowhere');
      expect(await sam.place.sql`select 1 from deliveries where answered_at is null`).toEqual([]);
    });
  });
}
