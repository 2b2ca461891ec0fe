// A command that breaks: it is tried again, and the audit has it once, with what came of it in the end.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Command } from '../../../bot/commands/context.ts';
import { commands } from '../../../bot/commands/index.ts';
import { fronts } from '../../../bot/fronts.ts';
import { createPretendFront, TRIGGER, type PretendFront } from '../../chat/pretend-front.ts';
import { startSam, type Sam } from '../../testers/sam.ts';

/** So often it breaks, by verb. */
const BREAKS: Record<string, number> = { shaky: 1, broken: Infinity };
const runs = new Map<string, number>();

const breaking = (name: string): Command => ({
  name,
  aliases: [],
  summary: 'Breaks.',
  usage: name,
  examples: [name],
  who: 'Everyone.',
  flags: {},
  takes: 'none',
  run() {
    const count = (runs.get(name) ?? 0) + 1;
    runs.set(name, count);
    if (count <= (BREAKS[name] ?? 0)) throw new Error('it broke');
    return Promise.resolve({ answer: { ok: true, code: 'ok', details: {} } });
  },
});

let sam: Sam;
let pretend: PretendFront;
beforeAll(async () => {
  pretend = createPretendFront();
  const broken = Object.keys(BREAKS).map(breaking);
  sam = await startSam({ fronts: [...fronts, pretend.entry], commands: [...commands, ...broken] });
}, 60_000);
afterAll(() => sam[Symbol.asyncDispose]());

test.each([
  ['shaky', 2, { by_right: 'self', result: 'ok' }],
  ['broken', 3, { by_right: 'none', result: 'internal' }],
])('%s', async (verb, tries, row) => {
  await pretend.says('ann', `${TRIGGER} ${verb}`);
  await expect
    .poll(() => sam.place.sql`select by_right, result from audit where action = ${verb}`)
    .toMatchObject([row]);
  await sam.settle();
  expect(await sam.place.sql`select 1 from audit where action = ${verb}`).toHaveLength(1);
  expect(runs.get(verb)).toBe(tries);
});
