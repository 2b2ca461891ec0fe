// `npm start -- <line>`, and what a terminal shows of it.
import { existsSync, globSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../bot/commands/index.ts';
import { findFreePort } from '../free-port.ts';
import { createPlace } from '../testers/place.ts';
import { spawnInPty, spawnSam } from '../testers/spawned-sam.ts';

const BANNER = /^Sam .*\n(  .*\n)*/;

describe('without a terminal', () => {
  test('a line that works ends with the link, and the bot goes on serving', async () => {
    await using place = await createPlace();
    place.repository('demo');
    await using sam = spawnSam(['up', './demo'], { place });
    const link = await sam.writes(/^http\S+\/w\/\S+$/m);
    const said = sam.output();
    expect(said.match(BANNER)?.[0]).toMatchInlineSnapshot(`
      "Sam 0.1.0 at http://localhost
        database  Postgres at DATABASE_URL
        machines  local: code of repositories runs as you, on this machine
        fronts    console on · REST on (/api) · GitHub and Slack off (README: fronts)
        set up    GitHub: http://localhost/setup#CODE
      "
    `);
    expect(said.replace(BANNER, '').replace(/^demo: .*\n/gm, '')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    expect((await fetch(new URL('/healthz', link))).status).toBe(200);
    expect(await sam.stop()).toBe(0);
    expect(sam.output()).toBe(said);
  });

  test.each([
    ['127.0.0.2', '127.0.0.2'],
    ['::1', '[::1]'],
  ])('a bot that listens on %s is found there, and so is its link', async (HOST, shown) => {
    await using place = await createPlace();
    place.repository('demo');
    await using sam = spawnSam(['up', './demo'], { place, env: { HOST, BASE_URL: undefined } });
    const link = await sam.writes(/^http\S+\/w\/\S+$/m);
    expect(new URL(link).hostname).toBe(shown);
    expect((await fetch(new URL('/healthz', link))).status).toBe(200);
    expect(await sam.stop()).toBe(0);
  });

  test('a workspace that cannot be made ends the bot with code 1 and leaves nothing', async () => {
    await using place = await createPlace();
    place.repository('demo');
    await using sam = spawnSam(['up', './demo', '--ref', 'gone'], { place });
    expect(await sam.exit).toBe(1);
    expect(
      sam
        .output()
        .replace(BANNER, '')
        .replace(/^demo: .*\n/gm, ''),
    ).toMatchInlineSnapshot(`
      "✗ demo: failed
        demo@gone · medium · ws-1
        There is no branch, tag or commit \`gone\` in /place/code/demo. Push it, or name another one with \`--ref\`. (yours to mend)
        Next: mend that, then start again"
    `);
    expect(await place.processes()).toEqual([]);
    expect(readdirSync(join(place.dataDir, 'nodes'))).toEqual([]);
  });

  test('a line that is refused ends it with code 1, and no machine is made', async () => {
    await using place = await createPlace();
    for (const [line, said] of [
      [['up', './gone'], 'There is no folder /place/code/gone. A repository elsewhere: `up owner/name`.'],
      [['upp'], "I don't know `upp`. Did you mean `up`? All commands: `help`."],
      [['stop', 'demo'], 'There is no workspace `demo` here that you can see. All yours: `list`.'],
    ] as const) {
      await using sam = spawnSam([...line], { place });
      expect(await sam.exit).toBe(1);
      expect(sam.output().replace(BANNER, '')).toBe(said);
    }
    expect(existsSync(join(place.dataDir, 'nodes'))).toBe(false);
  });

  test('a workspace that was there before is not deleted when it does not start', async () => {
    await using place = await createPlace();
    place.repository('demo');
    const env = { SAM_DEADLINE_BASE: '2s', PORT: String(await findFreePort()) };
    await using first = spawnSam(['up', './demo'], { place, env });
    await first.writes(/^http\S+\/w\/\S+$/m);
    await first.stop();
    await using second = spawnSam(['stop', 'demo'], { place, env });
    await second.writes(/demo: stopped/);
    await second.stop();
    // Nothing to begin from: neither the checkout nor what it was cloned from.
    for (const file of globSync(join(place.dataDir, 'nodes/*/data/workspaces/*/demo')))
      rmSync(file, { recursive: true });
    rmSync(join(place.cwd, 'demo'), { recursive: true });
    await using third = spawnSam(['up', 'demo'], { place, env });
    expect(await third.exit).toBe(1);
    expect(
      third
        .output()
        .replace(BANNER, '')
        .replace(/^demo: .*\n/gm, ''),
    ).toMatchInlineSnapshot(`
      "✗ demo: failed
        demo@main (commit) · medium · ws-1
        /place/code/demo does not exist, or Sam may not see it. Check the name. (yours to mend)
        Next: mend that, then start again"
    `);
    const [row] = await place.sql`select desired, phase from workspaces`;
    expect(row).toEqual({ desired: 'running', phase: 'failed' });
  });
});

describe('what needs no start', () => {
  test('`--help` says how to start, every command and where the settings are, and starts nothing', async () => {
    await using place = await createPlace();
    for (const flag of ['--help', '-h']) {
      await using sam = spawnSam([flag], { place });
      expect(await sam.exit).toBe(0);
      const said = sam.output();
      for (const { name } of commands.filter(({ needs }) => !needs)) expect(said).toContain(`\`${name}`);
      for (const word of ['npm start -- up .', '.env.example', 'A target is', 'Ctrl-C'])
        expect(said).toContain(word);
    }
    await using version = spawnSam(['--version'], { place });
    expect([await version.exit, version.output()]).toEqual([0, 'Sam 0.1.0']);
    expect(existsSync(place.dataDir)).toBe(false);
  });
});

describe('without git', () => {
  test('a folder is not said to be no repository: git is what is missing', async () => {
    await using place = await createPlace();
    place.repository('demo');
    await using sam = spawnSam(['up', './demo'], { place, env: { PATH: join(place.root, 'nowhere') } });
    expect(await sam.exit).toBe(1);
    expect(sam.output().replace(BANNER, '')).toBe(
      'Git is not installed here. Install it, for example `apt install git`.',
    );
  });
});

describe('a file `.env`', () => {
  test('is read from where Sam starts, and the environment goes before it', async () => {
    await using place = await createPlace();
    const port = await findFreePort();
    writeFileSync(join(place.cwd, '.env'), `PORT=${port}\nLOG_LEVEL=silent\nDATA_DIR=/nowhere/to/write\n`);
    await using sam = spawnSam([], { place, env: { PORT: undefined } });
    expect(await sam.url()).toBe(`http://localhost:${port}`);
    expect(await sam.stop()).toBe(0);
  });
});

describe('in a terminal', () => {
  test('the card is edited in place, the prompt comes back, and Ctrl-C ends it with code 0', async () => {
    await using place = await createPlace();
    place.repository('demo');
    await using sam = spawnInPty(['up', './demo'], { place });
    await sam.sees(/\/w\/ws-1#CODE\nsam>$/);
    expect(sam.screen().replace(BANNER, '')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE
      sam>"
    `);
    sam.type('list\r');
    await sam.sees(/REF\ndemo .*\nsam>$/);
    sam.type('stop\r');
    await sam.sees(/demo: stopped\n.*\n.*start demo\nsam>$/);
    expect(sam.screen().replace(BANNER, '')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE
      sam> list
      NAME  PHASE    REPOSITORY                       REF
      demo  running  /place/code/demo  main
      sam> stop
      ■ demo: stopped
        demo@main (commit) · medium · ws-1
        Its files are kept until TIME. Go on: start demo
      sam>"
    `);
    sam.type('rm\r');
    await sam.sees(/demo: deleted\nsam>$/);
    const rows = sam.screen().split('\n');
    for (const once of ['sam> rm', '✓ demo: deleted'])
      expect(rows.filter((row) => row === once)).toEqual([once]);
    sam.type('\u0003');
    expect(await sam.exit).toBe(0);
    expect(sam.screen()).toMatch(/demo: deleted\nSam ends\. Workspaces go on .*`npm start`.*\.$/);
  });

  test('a line that fails leaves the prompt for the next one', async () => {
    await using place = await createPlace();
    await using sam = spawnInPty(['upp'], { place });
    await sam.sees(/sam>$/);
    sam.type('help up\r');
    await sam.sees(/Who: .*\nsam>$/);
    sam.type('\u0004');
    expect(await sam.exit).toBe(0);
  });
  test.for(['exit', 'quit'])('`%s` ends it as Ctrl-C does', async (word) => {
    await using place = await createPlace();
    await using sam = spawnInPty([], { place });
    await sam.sees(/sam>$/);
    sam.type(`${word}\r`);
    expect(await sam.exit).toBe(0);
  });
});
