// How Sam starts and ends, as whoever runs it sees it: a process, its output, its exit code.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { commandOf } from '../../bot/database/embedded/processes.ts';
import { findFreePort } from '../free-port.ts';
import { createPlace, type Place } from '../testers/place.ts';
import { startSam } from '../testers/sam.ts';
import { spawnInPty, spawnSam, type Spawned } from '../testers/spawned-sam.ts';
import { isLeftOut } from '../needs.ts';
import { until } from '../until.ts';
import { openTerminal, spend } from '../testers/terminal.ts';

const CANARY = 'canary-that-nobody-may-read';

/** What is read by whoever started it in vain. */
async function ending(sam: Spawned): Promise<string> {
  expect(await sam.exit).toBe(1);
  expect(sam.output()).not.toMatch(/\n\s+at |canary/);
  return sam.output();
}

const embedded = { DATABASE_URL: undefined, JWT_PRIVATE_KEY: undefined };

const postmasterOf = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);

const isDiskless = isLeftOut('full disks', !canMount() && 'mounting needs root');

describe('a start that cannot be', () => {
  test('names every bad variable in one message, and no secret', async () => {
    await using place = await createPlace();
    const env = {
      PORT: 'many',
      BASE_URL: 'sam.example.com',
      IDLE_TIMEOUT: 'soon',
      MAX_NODES_PER_USER: '-1',
      PROVIDER: 'cloud9',
      LOG_LEVEL: 'loud' as 'info',
      JWT_PRIVATE_KEY: CANARY,
      DATABASE_URL: `mysql://sam:${CANARY}@db/sam`,
    };
    await using sam = spawnSam([], { place, env });
    expect(await ending(sam)).toMatchInlineSnapshot(`
      "Sam cannot start: 8 variables are wrong.
        - PORT is \`many\`, not a port number from 0 to 65535
        - PROVIDER is \`cloud9\`, not \`hetzner\` or \`local\`
        - BASE_URL is \`sam.example.com\`, not an address like https://sam.example.com, without a path
        - DATABASE_URL is not an address like postgres://user:password@host:5432/sam
        - JWT_PRIVATE_KEY is not an Ed25519 key: PKCS #8 PEM, or its base64; at most two, comma-separated
        - MAX_NODES_PER_USER is \`-1\`, not a whole number; 0 means no maximum
        - IDLE_TIMEOUT is \`soon\`, not a duration like \`30m\`, \`4h\` or \`7d\`; 0 means never
        - LOG_LEVEL is \`loud\`, not \`debug\`, \`info\`, \`warn\` or \`error\`
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
    expect(existsSync(place.dataDir)).toBe(false);
  });

  test('says that DATABASE_URL needs a key of its own', async () => {
    await using place = await createPlace();
    await using sam = spawnSam([], { place, env: { JWT_PRIVATE_KEY: undefined } });
    expect(await ending(sam)).toMatchInlineSnapshot(`
      "Sam cannot start: a variable is wrong.
        - JWT_PRIVATE_KEY is missing; with DATABASE_URL it must be given, so that all bots share it: \`openssl genpkey -algorithm ed25519 | base64 -w0\`
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
  });

  test('says that the port is taken', async () => {
    await using place = await createPlace();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await using sam = spawnSam([], { place, env: { PORT: String(port) } });
    const text = (await ending(sam)).replaceAll(String(port), 'PORT').replaceAll(String(port + 1), 'NEXT');
    expect(text).toMatchInlineSnapshot(
      `"Port PORT is taken by another program. Choose another one: \`PORT=NEXT npm start\`."`,
    );
    other.close();
  });

  test('says that the database does not answer', async () => {
    await using place = await createPlace();
    await using sam = spawnSam([], {
      place,
      env: { DATABASE_URL: `postgres://sam:${CANARY}@127.0.0.1:1/sam` },
    });
    expect(await ending(sam)).toMatchInlineSnapshot(`
      "No connection to the database at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1
      Check DATABASE_URL, and whether the server is up: \`pg_isready -h 127.0.0.1 -p 1\`."
    `);
  });

  test('says where the bot is that uses the folder already', async () => {
    await using place = await createPlace();
    await using first = spawnSam([], { place });
    await first.url();
    await using second = spawnSam([], { place });
    const text = (await ending(second)).replaceAll(String(first.pid), 'PID');
    expect(text).toMatchInlineSnapshot(`
      "Another Sam is already using /place/data: it runs at http://localhost (process PID).
      Use that one, stop it with \`kill PID\`, or set DATA_DIR to another folder."
    `);
    expect(await first.stop()).toBe(0);
  });

  test('says that DATA_DIR is no folder', async () => {
    await using place = await createPlace();
    writeFileSync(join(place.root, 'file'), '');
    const env = { DATA_DIR: join(place.root, 'file') };
    await using sam = spawnSam([], { place, env });
    expect(await ending(sam)).toMatchInlineSnapshot(`
      "Sam cannot write in /place/file: EEXIST: file already exists, mkdir '/place/file'
      Make that folder writable, or set DATA_DIR to another one."
    `);
    await using withLine = spawnSam(['list'], { place, env });
    expect(await ending(withLine)).toBe(sam.output());
  });

  test.skipIf(isDiskless)('says that the disk is full, and takes back what it began', async () => {
    await using place = await createPlace();
    mountDisk(place, 'data', '8m');
    await using sam = spawnSam([], { place, env: embedded });
    const lines = (await ending(sam)).split('\n');
    expect([lines.at(0), lines.at(-1)]).toMatchInlineSnapshot(`
      [
        "The embedded Postgres in /place/data/postgres could not create its files. It said:",
        "The disk is full: free some space (\`df -h /place/data/postgres\`) and start again.",
      ]
    `);
    const left = readdirSync(join(place.dataDir, 'postgres'));
    expect(left.filter((name) => name.startsWith('new-'))).toEqual([]);
  });

  test.skipIf(isDiskless)(
    'a workspace for which the disk is too small fails, and can be deleted',
    async () => {
      await using place = await createPlace();
      place.repository('demo', { 'large.bin': randomBytes(6_000_000).toString('latin1') });
      mountDisk(place, 'data/nodes', '4m');
      await using sam = await startSam({ place });
      expect(await sam.say('up ./demo')).toMatchInlineSnapshot(`
        "✗ demo: failed
          demo@main · medium · ws-1
          The node's disk is full. Delete a workspace that you no longer need (\`rm NAME\`). (yours to mend)
          Next: retry demo
          Stops at TIME if idle. Keep it: extend demo 4h"
      `);
      expect(await sam.say('rm demo')).toMatchInlineSnapshot(`"✓ demo: deleted"`);
    },
  );
});

/** A small disk at that folder of the place. */
function mountDisk(place: Place, name: string, size: string): void {
  const folder = join(place.root, name);
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  place.defer(() => void execFileSync('umount', ['-l', folder]));
}

/** Only root may, and not everywhere. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('skipped: tests of a full disk (only root may mount one)\n');
    return false;
  }
}

describe('an end', () => {
  test('by SIGTERM has code 0, and the next start finds the nodes and their sessions', async () => {
    await using place = await createPlace();
    place.repository('demo');
    const port = await findFreePort();
    const env = { PORT: String(port) };
    await using first = spawnSam(['up', './demo'], { place, env });
    const terminal = await openTerminal(await first.writes(/^http\S+\/w\/\S+$/m));
    await terminal.run('echo kept > note.txt; echo $((6*7))', /^42/m);
    const before = await place.processes();
    expect(await first.stop()).toBe(0);
    // An agent runs git for a moment now and then.
    let left: number[] = [];
    await until(async () => (left = await place.processes()).every((pid) => before.includes(pid)));
    expect(left.length).toBeGreaterThan(1);
    await using second = spawnSam(['open', 'demo'], { place, env });
    const again = await openTerminal(await second.writes(/^http\S+\/w\/\S+$/m));
    await again.run('cat note.txt', /^kept/m);
    expect(await place.processes()).toEqual(expect.arrayContaining(left));
    expect(await second.stop()).toBe(0);
  });

  test('and another PORT leave the nodes to be found, and their terminals to be opened', async () => {
    await using place = await createPlace();
    place.repository('demo');
    const start = async (words: string[]) => {
      const env = { PORT: String(await findFreePort()), SAM_DEADLINE_BASE: '3s' };
      return spawnSam(words, { place, env });
    };
    await using first = await start(['up', './demo']);
    await first.writes(/^http\S+\/w\/\S+$/m);
    expect(await first.stop()).toBe(0);
    await using second = await start(['open', 'demo']);
    const url = new URL(await second.writes(/^http\S+\/w\/\S+$/m));
    const cookie = (await spend(url.href)).cookie;
    url.hash = '';
    const terminal = await vi.waitFor(() => openTerminal(url.href, cookie), {
      timeout: 40_000,
      interval: 500,
    });
    await terminal.run('echo $((6*7))', /^42/m);
    expect(await second.stop()).toBe(0);
  });

  test('with the terminal that somebody closed takes the embedded database along', async () => {
    await using place = await createPlace();
    await using sam = spawnSam([], { place, env: embedded });
    await sam.url();
    const postmaster = postmasterOf(place.dataDir);
    process.kill(sam.pid, 'SIGHUP');
    expect(await sam.exit).toBe(0);
    expect(commandOf(postmaster)).toBeUndefined();
  });

  test('with the window of the terminal does so too, whatever the terminal throws then', async () => {
    await using place = await createPlace();
    await using sam = spawnInPty([], { place, env: embedded });
    await sam.sees(/sam>$/);
    const postmaster = postmasterOf(place.dataDir);
    sam.hangUp();
    await sam.exit;
    await until(() => commandOf(postmaster) === undefined);
  });

  test('of the embedded database ends the bot with a clear message, and the next start recovers', async () => {
    await using place = await createPlace();
    place.repository('demo');
    await using first = spawnSam(['up', './demo'], { place, env: embedded });
    await first.writes(/^http\S+\/w\/\S+$/m);
    const postmaster = postmasterOf(place.dataDir);
    process.kill(postmaster, 'SIGKILL');
    expect(await first.exit).toBe(1);
    const said = first.output().split('\n').slice(-2).join('\n');
    expect(said.replaceAll(String(postmaster), 'PID')).toMatch(
      /^(.*\n)?The connection to the database broke|^The embedded Postgres \(process PID\) ended by itself/,
    );
    expect(first.output()).not.toMatch(/\n\s+at /);
    await until(() => commandOf(postmaster) === undefined);
    await using second = spawnSam(['list'], { place, env: embedded });
    await second.writes(/^demo +running /m);
    expect(await second.stop()).toBe(0);
    expect(existsSync(join(place.dataDir, 'postgres/data/postmaster.pid'))).toBe(false);
  });
});

test('tells supervisors and dashboards how it is, and strangers nothing', async () => {
  await using place = await createPlace();
  place.repository('demo');
  await using sam = spawnSam(['up', './demo'], { place });
  const url = await sam.url();
  await sam.writes(/^http\S+\/w\/\S+$/m);
  const ask = async (path: string): Promise<[number, string, unknown]> => {
    const response = await fetch(`${url}${path}`);
    const type = response.headers.get('content-type') ?? '';
    return [response.status, type, type.includes('json') ? await response.json() : await response.text()];
  };
  expect(await ask('/healthz')).toEqual([
    200,
    expect.stringContaining('json'),
    { ok: true, version: '0.1.0' },
  ]);
  expect(await ask('/readyz')).toMatchObject([
    200,
    expect.stringContaining('json'),
    { ok: true, database: true },
  ]);
  const [status, type, metrics] = await ask('/metrics');
  expect([status, type]).toEqual([200, expect.stringContaining('text/plain')]);
  expect(metrics).toMatch(/^sam_workspaces\{phase="running"\} 1$/m);
  // What a proxy on this machine brings along is a stranger's.
  for (const headers of [{ 'x-forwarded-for': '127.0.0.1' }, { forwarded: 'for=x' }, { via: '1.1 x' }]) {
    expect((await fetch(`${url}/metrics`, { headers })).status).toBe(401);
    expect(await (await fetch(`${url}/readyz`, { headers })).json()).toEqual({ ok: true });
  }
  expect(await ask('/nothing')).toEqual([
    404,
    expect.stringContaining('json'),
    { error: 'not-found', message: 'There is nothing here.' },
  ]);
  expect(await sam.stop()).toBe(0);
});
