// Work from the chat, with real parts on both sides: what a person asks at the console, a real Claude Code does in a real workspace,
// behind its real adapter; the model alone is a script.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFile } from '../agent/claude.ts';
import { KEY, sendMessage, startModel } from '../fakes/model.ts';
import { claudeMissing, startRegistry } from '../fakes/packages.ts';
import { startSam } from '../testers/sam.ts';
import { openSettings } from '../testers/settings.ts';
import { until } from '../until.ts';

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

test.skipIf(claudeMissing)(
  'a person asks, is asked, allows it, and has the file and the answer; the next prompt goes to the same conversation',
  { timeout: 240_000 },
  async () => {
    const model = await startModel();
    model.answer = (asked, res) => sendMessage(res, asked.body, makeFile(asked));
    const env = { ENCRYPTION_KEY, ANTHROPIC_BASE_URL: model.url, NPM_REGISTRY: await startRegistry() };
    await using sam = await startSam({ env });
    sam.place.repository('demo');
    await sam.say('up ./demo');
    expect(await sam.say('ask make a file')).toContain('connect claude');
    const settings = await openSettings(sam);
    await settings('POST', '/api/credentials', { provider: 'anthropic', value: KEY });
    await sam.say('ask make a file');
    await until(() => sam.shown().includes('Question 1: may it do `echo made > by-claude.txt`?'), 120_000);
    const { checkout } = await sam.row('demo');
    const file = join(checkout, 'demo', 'by-claude.txt');
    expect(existsSync(file)).toBe(false);
    await sam.say('allow --always');
    await until(() => sam.shown().includes('The file is made.'));
    expect(existsSync(file)).toBe(true);
    expect(sam.shown()).toContain('1 file changed on `main`: +1 −0');
    const asked = model.asked.length;
    await sam.say('ask and again');
    const answers = () => sam.shown().split('The file is made.').length - 1;
    await until(() => answers() === 2);
    expect(model.asked.slice(asked).some(({ body }) => body.includes('make a file'))).toBe(true);
    await sam.settle();
    expect(answers()).toBe(2);
    expect(sam.shown()).not.toContain(KEY);
  },
);
