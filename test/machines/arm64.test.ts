// The other processor: the archive for arm64 as it is, with its own Node and its pty, run by qemu on this machine. It takes a
// workspace to a prompt.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildArtifacts } from '../../tools/agent-artifact.ts';
import { isLeftOut } from '../needs.ts';
import { unpack } from '../agent-artifact/build.ts';
import { createNode } from '../testers/node.ts';
import { followChild } from '../agent-artifact/child.ts';
import { attach } from '../agent/viewer.ts';

/** Emulation is slow, and this machine may be busy. */
const START_MS = 120_000;
const QEMU = ['/usr/bin/qemu-aarch64-static', '/usr/bin/qemu-aarch64'].find((path) => existsSync(path));
/** Where Debian's packages put an arm64's libraries. */
const LIBRARIES = '/usr/aarch64-linux-gnu';
const isNative = process.platform === 'linux' && process.arch === 'arm64';
const isOut = isLeftOut('the agent for arm64', isNative ? undefined : findObstacle());

function findObstacle(): string | undefined {
  const packages =
    'apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross';
  const isThere =
    QEMU !== undefined &&
    ['libc.so.6', 'libstdc++.so.6', 'ld-linux-aarch64.so.1'].every((name) =>
      existsSync(join(LIBRARIES, 'lib', name)),
    );
  return isThere ? undefined : `There is no qemu for it, or no libraries (${packages})`;
}

test.skipIf(isOut)('the agent for arm64 starts with its own Node, and serves a prompt', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sam-arm64-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { version, artifacts } = await buildArtifacts(folder, ['arm64']);
  const at = unpack(join(folder, artifacts[0]!.file), join(folder, `agent-${version}`));
  const node = readFileSync(join(at, 'bin/node'));
  // In the header of ELF: for which processor.
  expect(node.readUInt16LE(18)).toBe(183);

  if (!isNative) teachKernel(folder);
  const context = await createNode();
  const agent = startEmulated(at, context);
  const goal = context.goal();
  context.bot.want(goal);
  await context.bot.report(goal.id, ({ phase }) => phase === 'running', START_MS);
  const hello = context.bot.state.hellos[0]!;
  expect(hello.version).toBe(version);
  const viewer = await attach(hello.terminalPort!, await context.bot.ticket(goal.id));
  await viewer.open();
  viewer.type('echo "<$(git rev-parse --is-inside-work-tree) $((6 * 7))>"; stty size\n');
  await viewer.reads(/<true 42>\s+\d+ \d+/);
  expect(agent.output()).not.toMatch(/"level":"(error|warn)"/);
});

const BINFMT = '/proc/sys/fs/binfmt_misc';
const RULE = `sam-test-${process.pid}`;
/** The head of an ELF for arm64, and which bits of it count. */
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/** Until the end of the test such programs start by qemu: the agent starts one of its own kind, which holds its terminals. */
function teachKernel(folder: string): void {
  const wrapper = join(folder, 'qemu');
  writeFileSync(wrapper, `#!/bin/sh\nexec ${QEMU} -L ${LIBRARIES} "$@"\n`, { mode: 0o755 });
  if (!existsSync(join(BINFMT, 'register'))) {
    execFileSync('mount', ['-t', 'binfmt_misc', 'binfmt_misc', BINFMT]);
    onTestFinished(() => void execFileSync('umount', [BINFMT]));
  }
  writeFileSync(join(BINFMT, 'register'), `:${RULE}:M::${MAGIC}:${MASK}:${wrapper}:`);
  onTestFinished(() => writeFileSync(join(BINFMT, RULE), '-1'));
}

/** What the start script does, but for qemu. */
function startEmulated(folder: string, { bot, dir, folder: place }: Awaited<ReturnType<typeof createNode>>) {
  const home = join(place, 'home');
  mkdirSync(home);
  const node = join(folder, 'bin/node');
  const [file, before] = isNative ? [node, []] : [QEMU ?? '', ['-L', LIBRARIES, node]];
  const child = spawn(file, [...before, join(folder, 'lib/main.js')], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      SAM_PACKAGE: folder,
      SAM_URL: bot.url,
      SAM_NODE: bot.node,
      SAM_BOOTSTRAP_TOKEN: bot.bootstrapToken,
      SAM_DIR: dir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return followChild(child);
}
