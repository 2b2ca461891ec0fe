// A command line from the console, with real parts on both sides: a real shell in a real workspace, its answer, and its page.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findStart } from '../../agent/system/processes.ts';
import { startSam } from '../testers/sam.ts';
import { until } from '../until.ts';

test('a person runs command lines, one after the other: how each ended, its last lines, and the page with all of them', async () => {
  await using sam = await startSam();
  sam.place.repository('demo');
  await sam.say('up ./demo');
  expect(await sam.say('run seq 1 100; cat README.md; exit 4')).toContain(
    'It runs in `demo`. How it ends comes here.',
  );
  await until(() => /exit 4 after/.test(sam.shown()));
  expect(sam.shown()).toMatch(
    /✗ demo: exit 4 after \d+s\n {2}\$ seq 1 100; cat README\.md; exit 4\n[^]*\n99\n100\n/,
  );
  expect(sam.shown()).not.toMatch(/\n80\n/);
  const [, page = ''] = /All 10\d lines: (http\S+)/.exec(sam.shown()) ?? [];
  expect((await fetch(page)).status).toBe(401);

  const { checkout } = await sam.row('demo');
  const file = join(checkout, 'pid');
  await sam.say(`run trap '' TERM; echo $$ >../pid; sleep 1000; sleep 1000`);
  await sam.say('run echo after it');
  await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '');
  const pid = Number(readFileSync(file, 'utf8'));
  expect(sam.shown()).not.toContain('exit 0 after');
  await sam.say('cancel');
  await until(() => sam.shown().includes('exit 0 after'));
  expect(sam.shown()).toMatch(
    /■ demo: cancelled after \d+s\n[^]*✓ demo: exit 0 after \d+s\n {2}\$ echo after it\nafter it/,
  );
  expect(await findStart(pid)).toBeUndefined();
});
