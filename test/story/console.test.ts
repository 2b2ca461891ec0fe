// Conversations at the console, as a person has them: a line, and what they see.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { serveGit } from '../agent/git/server.ts';
import { git, type Place } from '../testers/place.ts';
import { startSam, type Sam } from '../testers/sam.ts';
import { openTerminal } from '../testers/terminal.ts';
import { PATIENCE_MS, until } from '../until.ts';

/** Of the lines that tell how far it is one may miss some, but never see them in another order. */
function expectInOrder(seen: string[], wanted: string[]): void {
  const places = seen.map((line) => wanted.indexOf(line));
  expect(seen.filter((line) => !wanted.includes(line))).toEqual([]);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

/** Serves a bare copy of a repository over HTTP, as `/ada/<name>.git`. */
async function publish(place: Place, name: string, options: Parameters<typeof serveGit>[1] = {}) {
  const served = join(place.root, 'served');
  const bare = join(served, 'ada', `${name}.git`);
  mkdirSync(dirname(bare), { recursive: true });
  git(place.root, 'clone', '-q', '--bare', place.repository(name), bare);
  return serveGit(served, options);
}

const checkoutOf = async (sam: Sam, name: string): Promise<string> =>
  join((await sam.row(name)).checkout, 'demo');

describe('a workspace from a folder', () => {
  test('`up` says how far it is, and ends with the link alone on the last line', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    expect(await sam.say('up ./demo')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    expectInOrder(sam.progress(), [
      'demo: waiting for a machine',
      'demo: starting a machine',
      'demo: getting ready',
      'demo: cloning the repository',
      'demo: building the environment',
      'demo: starting the shell',
    ]);
    expect(sam.progress().length).toBeGreaterThan(1);
    expect(readFileSync(join(await checkoutOf(sam, 'demo'), 'README.md'), 'utf8')).toBe('# demo\n');
  });

  test('`up` twice gives the same workspace, and a fresh link', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const [first, before] = [sam.link(), await sam.row('demo')];
    expect(await sam.say('up ./demo')).toMatchInlineSnapshot(`
      "\`demo\` is there already.
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    expect(sam.link()).not.toBe(first);
    expect(await sam.row('demo')).toEqual(before);
    expect(await sam.say('up demo')).toContain('`demo` is there already.');
    expect(await sam.say('list')).toMatchInlineSnapshot(`
      "NAME  PHASE    REPOSITORY                       REF
      demo  running  /place/code/demo  main"
    `);
  });

  test('two workspaces of one person share a machine, and each has its own name', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    expect(await sam.say('up ./demo --new')).toMatchInlineSnapshot(`
      "✓ demo-2: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-2
        Stops at TIME if idle. Keep it: extend demo-2 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-2#CODE"
    `);
    const [one, other] = [await sam.row('demo'), await sam.row('demo-2')];
    expect(other.nodeId).toBe(one.nodeId);
    expect(await sam.say('stop')).toMatchInlineSnapshot(
      `"You have 2 workspaces here: \`demo-2\`, \`demo\`. Say which: \`stop demo-2\`."`,
    );
    expect(await sam.say('up ./demo --new --name demo')).toMatchInlineSnapshot(
      `"You already have a workspace called \`demo\`. Take another name: \`up ./demo --new --name demo-3\`."`,
    );
    expect(await sam.say('rename demo-2 demo')).toMatchInlineSnapshot(
      `"You already have a workspace called \`demo\`. Take another name: \`rename demo-2 demo-3\`."`,
    );
  });

  test('is asked about, renamed and kept', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    expect(await sam.say('status')).toMatchInlineSnapshot(`
      "\`demo\` LIMITS.
      ✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h"
    `);
    expect(await sam.say('open')).toMatchInlineSnapshot(`
      "Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    expect(await sam.say('rename fox')).toMatchInlineSnapshot(`"\`demo\` is now \`fox\`."`);
    expect(await sam.say('extend 8h')).toMatchInlineSnapshot(
      `"\`fox\` stays until TIME at least, however idle."`,
    );
    expect(await sam.say('extend 30d')).toBe(
      '`fox` stays until TIME at least, however idle. That is a week, the most that can be said at once.',
    );
    expect(await sam.say('extend fox until 18:40 UTC')).toMatchInlineSnapshot(
      `"\`fox\` stays until TIME at least, however idle."`,
    );
    expect(await sam.say('who')).toMatchInlineSnapshot(`
      "You are ada (us-1), known from the console.
      \`fox\` belongs to ada; 0 terminal sessions open in it."
    `);
    expect(await sam.say('logs fox')).toMatchInlineSnapshot(`
      "00:00:00 clone  Cloning into '/place/data/nodes/vm-1/data/workspaces/ws-1/.clone'...
      00:00:00 clone  done.
      00:00:00 clone  Reset branch 'main'"
    `);
    expect(await sam.say('retry')).toMatchInlineSnapshot(
      `"\`fox\` has not failed; it is running. To begin anew: \`restart fox\`."`,
    );
  });
});

describe('a workspace that runs', () => {
  test('stops with its terminals, and starts with its files', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const terminal = await openTerminal(sam.link());
    await terminal.run('echo kept > note.txt; echo $((6*7))', /^42/m);
    expect(await sam.say('stop')).toMatchInlineSnapshot(`
      "■ demo: stopped
        demo@main (commit) · medium · ws-1
        Its files are kept until TIME. Go on: start demo"
    `);
    expect(await terminal.closes()).toBe(4410);
    expect(await sam.say('stop')).toMatchInlineSnapshot(`"\`demo\` is stopped already."`);
    expect(await sam.say('open')).toMatchInlineSnapshot(
      `"\`demo\` is stopped, so there is nothing to open. Next: \`start demo\`."`,
    );
    expect(await sam.say('start')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    const again = await openTerminal(sam.link());
    await again.run('cat note.txt', /^kept/m);
    expect(await sam.say('start')).toMatchInlineSnapshot(`
      "\`demo\` is started already.
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
  });

  test('restarts: its terminals end, its files stay', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const terminal = await openTerminal(sam.link());
    await terminal.run('echo kept > note.txt; echo $((6*7))', /^42/m);
    expect(await sam.say('restart')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
    const again = await openTerminal(sam.link());
    await again.run('cat note.txt', /^kept/m);
  });
});

describe('rm', () => {
  test('of a clean one leaves no file of it', async () => {
    await using sam = await startSam({ env: { NODE_WARM: '0' } });
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const { checkout } = await sam.row('demo');
    expect(existsSync(checkout)).toBe(true);
    expect(await sam.say('rm')).toMatchInlineSnapshot(`"✓ demo: deleted"`);
    expect(existsSync(checkout)).toBe(false);
    expect(await sam.say('rm demo')).toMatchInlineSnapshot(
      `"There is no workspace \`demo\` here that you can see. All yours: \`list\`."`,
    );
    expect(await sam.say('list')).toMatchInlineSnapshot(
      `"You have no workspace yet. Make one: \`up owner/name\`."`,
    );
    await sam.settle();
    expect(await sam.place.processes()).toEqual([]);
  });

  test('of one with work that would be lost says what it is, and takes `--force`', async () => {
    await using sam = await startSam({ env: { NODE_WARM: '0' } });
    sam.place.repository('demo');
    await sam.say('up ./demo');
    const folder = await checkoutOf(sam, 'demo');
    // Only then the bot does not know of the work before the node has looked.
    const counted = () => sam.place.sql`select from workspaces where reported->'work' is not null`;
    await until(async () => (await counted()).length > 0);
    for (const file of ['README.md', 'one.txt', 'two.txt']) writeFileSync(join(folder, file), 'changed');
    git(folder, 'commit', '-q', '--allow-empty', '-m', 'mine');
    expect(await sam.say('rm')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@main (commit) · medium · on the host, which does not isolate · ws-1
        Not deleted: 1 changed file, 2 new files, and 1 unpushed commit would be lost. Commit and push it, or say \`rm demo --force\`.
        Stops at TIME if idle. Keep it: extend demo 4h"
    `);
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('changed');
    expect(await sam.say('rm')).toMatchInlineSnapshot(
      `"Not deleted: 1 changed file, 2 new files, and 1 unpushed commit would be lost. Commit and push it, or delete it all the same: \`rm demo --force\`."`,
    );
    const terminal = await openTerminal((await sam.say('open'), sam.link()));
    await terminal.run('sleep 1000 & echo $((6*7))', /^42/m);
    expect(await sam.say('rm --force')).toMatchInlineSnapshot(`"✓ demo: deleted"`);
    expect(await terminal.closes()).toBe(4410);
    expect(existsSync(dirname(folder))).toBe(false);
    await sam.settle();
    expect(await sam.place.processes()).toEqual([]);
  });

  test('while it is being made leaves nothing', async () => {
    await using sam = await startSam({ env: { NODE_WARM: '0' } });
    const server = await publish(sam.place, 'demo');
    server.hold();
    const making = sam.begin(`up ${server.url('ada/demo')}`);
    await server.held();
    const { checkout } = await sam.row('demo');
    const removing = sam.begin('rm demo');
    await Promise.all([making, removing]);
    server.release();
    expect(existsSync(checkout)).toBe(false);
    await sam.settle();
    expect(await sam.place.processes()).toEqual([]);
  });
});

describe('what cannot be', () => {
  test('a folder that is none, or no repository, or empty, is refused at once', async () => {
    await using sam = await startSam();
    sam.place.repository('demo');
    sam.place.repository('empty', {});
    mkdirSync(join(sam.place.cwd, 'plain'));
    expect(await sam.say('up ./gone')).toMatchInlineSnapshot(
      `"There is no folder /place/code/gone. A repository elsewhere: \`up owner/name\`."`,
    );
    expect(await sam.say('up ./demo@fix')).toMatchInlineSnapshot(
      `"There is no folder /place/code/demo@fix. A branch of a folder: \`up ./demo --ref fix\`."`,
    );
    expect(await sam.say('up ./plain')).toMatchInlineSnapshot(
      `"/place/code/plain is not a git repository. Go to one, or name one: \`up owner/name\`."`,
    );
    expect(await sam.say('up ./empty')).toMatchInlineSnapshot(
      `"/place/code/empty has no commit yet, so there is nothing to clone. Commit something first: \`git commit\`."`,
    );
    expect(await sam.say('up')).toMatchInlineSnapshot(`"Which repository? For example \`up owner/name\`."`);
    expect(await sam.say('list')).toMatchInlineSnapshot(
      `"You have no workspace yet. Make one: \`up owner/name\`."`,
    );
  });

  test('a ref that is not there, until it is pushed', async () => {
    await using sam = await startSam();
    const folder = sam.place.repository('demo');
    expect(await sam.say('up ./demo --ref fix')).toMatchInlineSnapshot(`
      "✗ demo: failed
        demo@fix · medium · ws-1
        There is no branch, tag or commit \`fix\` in /place/code/demo. Push it, or name another one with \`--ref\`. (yours to mend)
        Next: retry demo
        Stops at TIME if idle. Keep it: extend demo 4h"
    `);
    expect(await sam.say('open')).toMatchInlineSnapshot(
      `"\`demo\` has failed, so there is nothing to open. Next: \`retry demo\`."`,
    );
    git(folder, 'branch', 'fix');
    expect(await sam.say('retry')).toMatchInlineSnapshot(`
      "✓ demo: running
        demo@fix (commit) · medium · on the host, which does not isolate · ws-1
        Stops at TIME if idle. Keep it: extend demo 4h
      Open the terminal; the link works once, within 5 minutes:
      http://localhost/w/ws-1#CODE"
    `);
  });

  test('a repository that does not exist', async () => {
    await using sam = await startSam();
    const server = await publish(sam.place, 'demo');
    expect(await sam.say(`up ${server.url('ada/gone')}`)).toMatchInlineSnapshot(`
      "✗ gone: failed
        ada/gone · medium · ws-1
        http://127.0.0.1/ada/gone.git does not exist, or Sam may not see it. Check the name. (yours to mend)
        Next: retry gone
        Stops at TIME if idle. Keep it: extend gone 4h"
    `);
    expect(await sam.say('rm gone')).toMatchInlineSnapshot(`"✓ gone: deleted"`);
  });

  test('a repository that needs a password', async () => {
    await using sam = await startSam();
    const server = await publish(sam.place, 'demo', { token: 'secret' });
    expect(await sam.say(`up ${server.url('ada/demo')}`)).toMatchInlineSnapshot(`
      "✗ demo: failed
        ada/demo · medium · ws-1
        http://127.0.0.1/ada/demo.git needs a password, or does not exist. Check the name, and that Sam may read it. (yours to mend)
        Next: retry demo
        Stops at TIME if idle. Keep it: extend demo 4h"
    `);
  });

  test('a command that nobody knows, with the one that was meant', async () => {
    await using sam = await startSam();
    expect(await sam.say('lsit')).toMatchInlineSnapshot(
      `"I don't know \`lsit\`. Did you mean \`list\`? All commands: \`help\`."`,
    );
    expect(await sam.say('frobnicate')).toMatchInlineSnapshot(
      `"I don't know \`frobnicate\`. All commands: \`help\`."`,
    );
    expect(await sam.say('stop nope')).toMatchInlineSnapshot(
      `"There is no workspace \`nope\` here that you can see. All yours: \`list\`."`,
    );
    expect(await sam.say('up demo --siez large')).toMatchInlineSnapshot(`
      "\`--siez\` is no flag of \`up\`. It has \`--size\`, \`--name\`, \`--ref\`, \`--config\`, \`--expiry\`, \`--trust-fork\`, \`--new\`. What they do: \`help up\`.
      Usage: \`up [target] [--size s|m|l] [--name NAME] [--ref REF] [--config TEXT] [--expiry 4h] [--trust-fork SHA] [--new]\`"
    `);
  });
});

test('help says what one can say', async () => {
  await using sam = await startSam();
  expect(await sam.say('help')).toMatchInlineSnapshot(`
    "I make cloud workspaces from a chat. What you can say:
    - \`up [target]\`: makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.
    - \`list\`: lists your workspaces, where each stands and with whom it is shared, and those that others share with you.
    - \`status [target]\`: shows where a workspace stands and brings its card up to date.
    - \`open [target]\`: gives you a link that opens a terminal in the browser.
    - \`stop [target]\`: stops a workspace and keeps every file of it.
    - \`extend [target] [4h]\`: keeps a workspace from stopping by itself, for a while or until a time of day.
    - \`ask [flags] WHAT YOU WANT DONE\`: has a coding agent work on what you say, in a workspace that it makes if there is none.
    - Also: \`start\`, \`restart\`, \`rm\`, \`rename\`, \`logs\`, \`retry\`, \`who\`, \`nodes\`, \`node\`, \`cost\`, \`limit\`, \`run\`, \`cancel\`, \`allow\`, \`deny\`, \`pr\`, \`port\`, \`share\`, \`unshare\`, \`connect\`, \`token\`, \`tokens\`, \`help\`.
    A target is a repository (a folder like \`.\`, \`owner/name\`, \`owner/name@branch\` or an address) or a workspace's name; without one I take your only workspace. More about a command: \`help up\`.
    Ctrl-C ends Sam, and workspaces go on."
  `);
  expect(await sam.say('help up')).toMatchInlineSnapshot(`
    "\`up\`: makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.
    Usage: \`up [target] [--size s|m|l] [--name NAME] [--ref REF] [--config TEXT] [--expiry 4h] [--trust-fork SHA] [--new]\`
    Other names: \`create\`, \`new\`, \`workspace\`, \`ws\`, \`launch\`.
    - \`--size s|m|l\` or \`-s\`: how big its machine is.
    - \`--name NAME\`: what to call it; names are unique among yours.
    - \`--ref REF\`: the branch, tag or commit to check out.
    - \`--config TEXT\`: which of its container configurations: the name of its folder in \`.devcontainer\`.
    - \`--expiry 4h\`: keeps it at least this long, however idle; a week at most.
    - \`--trust-fork SHA\`: starts a pull request from a fork at this commit, its head, without credentials.
    - \`--new\`: makes another one, though there is one already.
    Examples: \`up\`, \`up acme/api@fix-login --expiry 2d\`, \`up #412 --size large\`.
    Who: people who can write to the repository."
  `);
});

test('a bot that starts again finds its workspaces running, and tells nothing twice', async () => {
  await using sam = await startSam();
  sam.place.repository('demo');
  await sam.say('up ./demo');
  const [agent = 0] = await sam.place.agents();
  await sam.restart();
  await sam.settle();
  expect(sam.heard()).toBe('');
  expect(await sam.place.agents()).toEqual([agent]);
  expect(await sam.say('open')).toContain('/w/ws-1#CODE');
  const terminal = await openTerminal(sam.link());
  await terminal.run('echo $((6*7))', /^42/m);
});

test('a bot that comes back at another address opens the terminals of the nodes that it finds', async () => {
  await using sam = await startSam();
  sam.place.repository('demo');
  await sam.say('up ./demo');
  await sam.restart({ BASE_URL: sam.bot.url.replace('localhost', '127.0.0.1') });
  await sam.settle();
  // The agent dials again in its own time, and whoever was there before that is put out by it.
  await vi.waitFor(
    async () => {
      await sam.say('open');
      const terminal = await openTerminal(sam.link());
      await terminal.run('echo $((6*7))', /^42/m);
    },
    { timeout: PATIENCE_MS, interval: 500 },
  );
});
