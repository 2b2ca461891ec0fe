// A machine becomes a node: it boots with nothing but an address and a one-time token, and from there on everything is real.
// the bot's own boot data in cloud-init, the install script, systemd, users, TLS, a power cut, and an agent that becomes its next version.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { Frame, FRAME_HEAD_BYTES, type TerminalMessage } from '../../agent/protocol.ts';
import type { Node, Workspace } from '../../bot/database/schema.ts';
import { bootData } from '../../bot/providers/boot/cloud-init.ts';
import { build, republish } from '../agent-artifact/build.ts';
import { serveGit } from '../agent/git/server.ts';
import { makeRepository } from '../testers/node.ts';
import { createWatch, eventually } from '../testers/watch.ts';
import { startBot } from './bot.ts';
import { bootMachine, type Machine } from './machine.ts';
import { tryMetadata } from './metadata.ts';
import { openClosedNetwork } from '../agent/system/proxy.ts';
import { findObstacle } from './rootfs.ts';
import { isLeftOut } from '../needs.ts';
import { withoutMarks } from '../testers/prompt-marks.ts';

const BOOT_MS = 120_000;
/** The workspace runs in a moment; the ticket is older than the agent. */
const EARLY = /closed: (?:1013|4401)/;
const isOut = isLeftOut('machines', findObstacle());

let artifacts: Awaited<ReturnType<typeof build>>;
let bot: Awaited<ReturnType<typeof startBot>>;
const repositories = mkdtempSync(join(tmpdir(), 'sam-repositories-'));

beforeAll(async () => {
  if (isOut) return;
  artifacts = await build();
  bot = await startBot(artifacts.folder);
});
afterAll(async () => {
  await bot?.close();
  rmSync(repositories, { recursive: true, force: true });
});

test.skipIf(isOut)(
  'a machine boots, becomes a node, serves a terminal, and comes back newer',
  { timeout: 280_000 },
  async () => {
    makeRepository(join(repositories, 'api.git'));
    const git = await serveGit(repositories);
    const { node, token } = await bot.addNode();
    const startedAt = performance.now();
    const network = await openClosedNetwork();
    await network.serve('outside.test', bot.port);
    const authorities = [readFileSync(network.authority, 'utf8')];
    const way = { proxy: network.proxy, direct: [], authorities };
    const machine = await bootMachine({
      userData: bootData({ url: bot.url, node: node.id, bootstrapToken: token }, way),
      out: [bot.port, ...[git.url(''), network.proxy].map((url) => Number(new URL(url).port))],
      into: [443],
    });
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.log(lastWords(machine));
      await machine.remove();
    });

    await eventually(() => bot.isConnected(node), 'the agent to connect', BOOT_MS);
    console.log(
      `from power on to a connected agent: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    );
    expect(await bot.versionOn(node)).toBe(artifacts.manifest.version);
    const steps = await bot.bootSteps(node);
    console.log(`its boot: ${steps.join(', ')}`);
    expect(steps.slice(0, 1)).toEqual([expect.stringMatching(/^metadata true/)]);
    expect(machine.run('cloud-init schema --config-file /var/lib/cloud/instance/user-data.txt')).toContain(
      'Valid schema',
    );
    expect(machine.run('nft list table inet sam')).toContain('169.254.169.254');
    expect(machine.run('stat -c %a /etc/sam/agent.env').trim()).toBe('600');

    const workspace = await bot.addWorkspace(node, git.url('api.git'));
    await eventually(
      async () => (await bot.report(workspace))?.phase === 'running',
      'the workspace to run',
      BOOT_MS,
    );
    const user = workspace.id.replace('ws-', 'sam-');
    expect(readFileSync(join(machine.root, 'etc/passwd'), 'utf8')).toContain(`${user}:`);
    const before = await type(
      machine,
      node,
      workspace,
      'echo kept > ~/note; echo "<$(id -un) $(git rev-parse HEAD)>"\n',
    );
    expect(await before.reads(/<(\S+) [0-9a-f]{40}>/)).toBe(user);
    // Who it is says the authority of the configuration; only the proxy knows where.
    const outside = 'https://outside.test/api/agent/version';
    before.type(
      `curl -sS -o /dev/null ${outside}; node=/opt/sam/agent/bin/node; echo "<curl $?>"; ` +
        `NODE_USE_ENV_PROXY=1 $node -e 'fetch("${outside}").then(({ status }) => console.log("<node", status + ">"))'\n`,
    );
    expect([await before.reads(/<curl (\d+)>/), await before.reads(/<node (\d+)>/)]).toEqual(['0', '200']);
    expect(machine.run('stat -c %a /var/lib/sam/terminal-key.json').trim()).toBe('600');
    expect(tryMetadata(machine, user)).toEqual({
      root: 'answered',
      person: 'refused',
      container: 'no answer',
      'container, without our rules': 'answered',
    });

    await meetNeighbour(machine, node, workspace, git.url('api.git'));

    await outlive(machine, node, workspace, before);

    // While it is off, the bot gets a newer agent.
    const next = `${artifacts.manifest.version.split('+')[0]}+next`;
    republish(artifacts.folder, next);
    await machine.powerCycle();
    await eventually(
      async () => (await bot.versionOn(node)) === next,
      'the next version to say hello',
      BOOT_MS,
    );
    expect(machine.run('readlink /opt/sam/agent').trim()).toBe(`agent-${next}`);
    expect(await bot.logOf(workspace)).toContain(
      `The node's agent becomes ${next}: sessions go on, and files stay.`,
    );
    await eventually(
      async () => bot.isConnected(node) && (await bot.report(workspace))?.phase === 'running',
      'it to run again',
      BOOT_MS,
    );
    const after = await type(machine, node, workspace, 'echo "<$(id -un) $(cat ~/note)>"\n');
    expect(await after.reads(/<\S+ (\w+)>/)).toBe('kept');
    after.close();
    expect(restarts(machine)).toBe(1);

    // One that does not start is tried three times; then the one before goes on.
    republish(artifacts.folder, '9.9.9+broken', { isBroken: true });
    await machine.powerCycle();
    await eventually(() => exists(machine, '/opt/sam/agent-9.9.9+broken/.failed'), 'the way back', BOOT_MS);
    await eventually(() => bot.isConnected(node), 'the agent that works to connect', BOOT_MS);
    expect([await bot.versionOn(node), machine.run('readlink /opt/sam/agent').trim()]).toEqual([
      next,
      `agent-${next}`,
    ]);
    expect(restarts(machine)).toBe(4);
  },
);

/** The agent alone dies, and then its unit is restarted: the same shell goes on, and what was left running beside it. */
async function outlive(machine: Machine, node: Node, workspace: Workspace, before: Typing) {
  before.type(
    'kept="$$"; setsid nohup sleep 4242 > /dev/null 2>&1 & sleep 0.2; echo "<$$ $(ps -o args= -C sleep)>"\n',
  );
  const shell = await before.reads(/<(\d+) sleep 4242>/);
  machine.run('systemctl kill --signal=SIGKILL --kill-whom=main sam-agent');
  expect(await before.reads(/closed: (\d+)/)).toBe('1006');
  const isThere = async () => bot.isConnected(node) && (await bot.report(workspace))?.phase === 'running';
  await eventually(async () => restarts(machine) === 1 && (await isThere()), 'the agent again', BOOT_MS);
  const again = await type(machine, node, workspace, 'echo "<again $kept>"\n', before.id);
  expect(await again.reads(/<again (\d+)>/)).toBe(shell);
  machine.run('systemctl restart sam-agent');
  await again.reads(/closed: (\d+)/);
  await eventually(isThere, 'the restarted agent', BOOT_MS);
  const line = 'echo "<restarted $kept $(ps -o args= -C sleep) $(cat ~/note)>"\n';
  const restarted = await type(machine, node, workspace, line, before.id);
  expect(await restarted.reads(/<restarted (\d+ sleep 4242 kept)>/)).toBe(`${shell} sleep 4242 kept`);
  restarted.close();
}

/** A second workspace on this machine: neither may use all of it, and it does not reach what the first one listens on. */
async function meetNeighbour(machine: Machine, node: Node, first: Workspace, repository: string) {
  const second = await bot.addWorkspace(node, repository);
  const isRunning = async () => (await bot.report(second))?.phase === 'running';
  await eventually(isRunning, 'the second workspace to run', BOOT_MS);
  const { limits } = (await bot.report(second)) ?? {};
  // On a host with version 1 of control groups a machine may look at memory and processes, and change nothing.
  const memory = Number(machine.run("sed -n 's/^MemTotal: *//p' /proc/meminfo").split(' ')[0]) * 1024;
  const share = limits ? Math.round((limits.memory / memory) * 10) : limits;
  expect(share).toBe(
    machine.run('cat /sys/fs/cgroup/cgroup.controllers 2>&1 || true').includes('memory') ? 7 : null,
  );

  const listen = 'python3 -m http.server 8123 --bind 127.0.0.1 > /dev/null 2>&1 & ';
  const ask = 'curl -sS -o /dev/null --retry-connrefused --retry 9 --retry-delay 1 http://127.0.0.1:8123/';
  const own = await type(machine, node, first, `${listen} ${ask}; echo "<asked: $?>"\n`);
  expect(await own.reads(/<asked: (\d+)>/)).toBe('0');
  const other = await type(machine, node, second, 'curl -sS http://127.0.0.1:8123/; echo "<asked: $?>"\n');
  expect(await other.reads(/<asked: (\d+)>/)).toBe('7');
  for (const one of [own, other]) one.type('kill %1; exit\n');
  for (const one of [own, other]) await one.reads(/exit(\r)/);
  for (const one of [own, other]) one.close();
}

/** Since the last power on. */
const restarts = (machine: Machine): number =>
  Number(machine.run('systemctl show --property=NRestarts --value sam-agent'));

const exists = (machine: Machine, path: string): boolean => existsSync(join(machine.root, path));

interface Typing {
  id: string;
  type: (typed: string) => void;
  /** The first group of the match. */
  reads: (pattern: RegExp) => Promise<string>;
  close: () => void;
}

/** A page that comes through the edge: it trusts the authority, and wants the node's name. `session`: one of before. */
async function type(
  machine: Machine,
  node: Node,
  workspace: Workspace,
  keys: string,
  session?: string,
): Promise<Typing> {
  const [ticket, servername] = [await bot.ticket(workspace), bot.hostnameOf(node.id)];
  await eventually(() => isCertified(machine, servername), 'the certificate', BOOT_MS);
  const socket = new WebSocket(`wss://${servername}/terminal`, {
    origin: bot.url,
    createConnection: () => handshake(machine, servername),
  } as ClientOptions);
  const watch = createWatch();
  let output = '';
  let opened: { id: string; n: number } | undefined;
  socket.on('open', () => {
    socket.send(JSON.stringify({ type: 'attach', ticket }));
    const wanted =
      session === undefined ? { type: 'open', cols: 200, rows: 24 } : { type: 'resume', id: session };
    socket.send(JSON.stringify(wanted));
  });
  socket.on('error', (error) => (output += `error: ${error.message}`));
  socket.on('close', (code) => {
    output += `closed: ${code}`;
    watch.changed();
  });
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary && data[0] === Frame.OUTPUT) output += data.subarray(FRAME_HEAD_BYTES).toString();
    const message = isBinary ? undefined : (JSON.parse(data.toString()) as TerminalMessage);
    if (message?.type === 'opened' || message?.type === 'resumed') opened = message;
    watch.changed();
  });
  // A moment ago its agent was another one: a page comes again, too.
  const isEarly = () => EARLY.test(output);
  await watch.until(
    () => opened !== undefined || isEarly(),
    () => `a session; there was ${output}`,
  );
  if (opened === undefined) return delay(200).then(() => type(machine, node, workspace, keys, session));
  const { id, n } = opened;
  const head = Buffer.from([Frame.INPUT, 0, 0]);
  head.writeUInt16LE(n, 1);
  const send = (typed: string) => socket.send(Buffer.concat([head, Buffer.from(typed)]));
  send(keys);
  return {
    id,
    type: send,
    reads: (pattern) =>
      watch.until(
        () => pattern.exec(withoutMarks(output))?.[1],
        () => `${String(pattern)} in ${JSON.stringify(output)}`,
      ),
    close: () => socket.terminate(),
  };
}

const handshake = (machine: Machine, servername: string) =>
  connectTls({ socket: connectTo(machine.socket(443)), servername, ca: bot.authority });

function isCertified(machine: Machine, servername: string): Promise<boolean> {
  const socket = handshake(machine, servername);
  return new Promise((resolve) => {
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once('secureConnect', () => end(true))
      .once('error', () => end(false))
      .once('close', () => end(false));
  });
}

function lastWords(machine: Machine): string {
  const logs = ['journalctl --no-pager -n 60 -u sam-agent', 'tail -n 30 /var/log/cloud-init-output.log'];
  const told = logs.map((line) => {
    try {
      return machine.run(line);
    } catch (error) {
      return String(error);
    }
  });
  return [machine.console().slice(-3000), ...told].join('\n---\n');
}
