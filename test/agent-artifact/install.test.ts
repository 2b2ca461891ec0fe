// The script that makes a machine a node, against the bot's own downloads; a folder stands for the machine's disk.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { artifactRoutes } from '../../bot/nodes/artifact.ts';
import { matchRoute, pathOf } from '../../bot/http/routes.ts';
import { tar } from '../../tools/tar.ts';

const NODE = { SAM_NODE: 'nd-aaaaaaaaaaaa', SAM_BOOTSTRAP_TOKEN: 'once' };

/** A bot, and a machine that has nothing yet. `breaks` answers cut off their downloads half-way. */
async function makeContext() {
  const folder = mkdtempSync(join(tmpdir(), 'sam-install-'));
  const state = { breaks: 0, downloads: [] as (string | undefined)[] };
  const server = createServer((req, res) => {
    const match = matchRoute(
      artifactRoutes({ folder: join(folder, 'dist'), baseUrl: url }),
      req.method,
      pathOf(req) ?? '',
    );
    if (typeof match !== 'object') return void res.writeHead(404).end();
    if (req.url?.includes('download')) {
      state.downloads.push(req.headers.range);
      if (state.breaks-- > 0) {
        const write = res.write.bind(res);
        res.write = (chunk: Buffer) => {
          write(chunk.subarray(0, 1000), 'utf8', () => res.destroy());
          return false;
        };
      }
    }
    void match.route.handle(req, res, match.params);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });
  const machine = join(folder, 'machine');
  mkdirSync(machine);
  const publish = (version: string, change: { sha256?: string } = {}) => {
    const arch = process.arch as 'x64';
    const bytes = gzipSync(
      tar([
        { path: 'sam-agent', isExecutable: true, content: Buffer.from(`#!/bin/sh\necho ${version}\n`) },
        { path: 'VERSION', isExecutable: false, content: Buffer.from(version) },
        { path: 'filler', isExecutable: false, content: createHash('sha512').update(version).digest() },
      ]),
      { level: 0 },
    );
    mkdirSync(join(folder, 'dist'), { recursive: true });
    const file = `sam-agent-linux-${arch}.tar.gz`;
    const sha256 = change.sha256 ?? createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(folder, 'dist', file), bytes);
    const artifacts = [{ os: 'linux', arch, file, sha256, size: bytes.length }];
    writeFileSync(join(folder, 'dist/manifest.json'), JSON.stringify({ version, artifacts }));
  };
  const install = async (env: NodeJS.ProcessEnv = NODE) => {
    const script = await (await fetch(`${url}/api/agent/install-script`)).text();
    const child = spawn('sh', ['-s'], {
      env: { PATH: '/usr/bin:/bin', SAM_PREFIX: machine, SAM_TRIES: '3', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.end(script);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, error, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { out, code, error: error.split('\n').filter((line) => line.startsWith('sam: ')) };
  };
  return { machine, url, state, publish, install, at: (path: string) => join(machine, path) };
}

test('a machine gets the agent, its settings and its unit', async () => {
  const { publish, install, at, url } = await makeContext();
  publish('1.0.0+a');
  expect(await install()).toEqual({ out: 'sam: the agent 1.0.0+a is installed.\n', code: 0, error: [] });
  expect(execFileSync(at('opt/sam/agent/sam-agent'), { encoding: 'utf8' })).toBe('1.0.0+a\n');
  expect(readFileSync(at('etc/sam/agent.env'), 'utf8')).toBe(
    `SAM_URL=${url}\nSAM_NODE=nd-aaaaaaaaaaaa\nSAM_BOOTSTRAP_TOKEN=once\nSAM_DIR=/var/lib/sam\n`,
  );
  expect(statSync(at('etc/sam/agent.env')).mode & 0o777).toBe(0o600);
  const unit = readFileSync(at('etc/systemd/system/sam-agent.service'), 'utf8');
  expect(unit).toContain('ExecStart=/opt/sam/agent/sam-agent\n');
  expect(unit).toContain('Restart=always\n');
  expect(unit).toContain('StartLimitIntervalSec=0\n');
  // People use sudo, and install things, and open devices.
  expect(unit).not.toMatch(/NoNewPrivileges|ProtectSystem|ProtectClock|PrivateDevices|User=/);
});

test('run again it fetches nothing, and keeps the settings', async () => {
  const { publish, install, at, state } = await makeContext();
  publish('1.0.0+a');
  await install();
  writeFileSync(at('etc/systemd/system/sam-agent.service'), 'mine');
  expect((await install({ SAM_BOOTSTRAP_TOKEN: 'other', SAM_NODE: 'nd-bbbbbbbbbbbb' })).code).toBe(0);
  expect(state.downloads).toHaveLength(1);
  expect(readFileSync(at('etc/sam/agent.env'), 'utf8')).toContain('SAM_BOOTSTRAP_TOKEN=once');
  expect(readFileSync(at('etc/systemd/system/sam-agent.service'), 'utf8')).toBe('mine');
});

test('a newer agent lies beside the one before, and the link leads to it', async () => {
  const { publish, install, at } = await makeContext();
  publish('1.0.0+a');
  await install();
  publish('1.0.0+b');
  await install({});
  expect(readlinkSync(at('opt/sam/agent'))).toBe('agent-1.0.0+b');
  expect(readFileSync(at('opt/sam/agent-1.0.0+a/VERSION'), 'utf8')).toBe('1.0.0+a');
});

test('a download that breaks off goes on where it was', async () => {
  const { publish, install, state } = await makeContext();
  publish('1.0.0+a');
  state.breaks = 1;
  expect((await install()).code).toBe(0);
  expect(state.downloads).toEqual([undefined, 'bytes=1000-']);
});

test('an agent that is not the announced one is never unpacked', async () => {
  const { publish, install, at, state } = await makeContext();
  publish('1.0.0+a', { sha256: '0'.repeat(64) });
  const { code, error } = await install();
  expect(code).toBe(1);
  expect(error).toEqual([expect.stringContaining('what came is not what was announced')]);
  expect(() => statSync(at('opt/sam/agent'))).toThrow();
  expect(state.downloads).toEqual([undefined, undefined, undefined]);
});

test('each failure ends with one sentence', async () => {
  const { publish, install, at } = await makeContext();
  const sentence = async (env?: NodeJS.ProcessEnv) => {
    const { code, error } = await install(env);
    expect([code, error.length]).toEqual([1, 1]);
    return error[0];
  };
  expect(await sentence()).toMatch(/did not say which agent it has/);
  publish('1.0.0+a');
  expect(await sentence({})).toMatch(/Give SAM_NODE and SAM_BOOTSTRAP_TOKEN and run this again/);
  expect(await sentence({ ...NODE, PATH: bare(at('bin')) })).toMatch(/Neither curl nor wget/);
});

/** A PATH with what every system has, and neither curl nor wget. */
function bare(folder: string): string {
  mkdirSync(folder);
  for (const name of ['sh', 'uname', 'mkdir', 'rm', 'sleep', 'tr', 'sed', 'grep'])
    symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(folder, name));
  return folder;
}

test('how the script got out goes on to the agent; what would need quotes does not', async () => {
  const { install, machine, publish } = await makeContext();
  publish('1.0.0+a');
  const way = {
    https_proxy: 'http://sam:s3cret@proxy.test:3128',
    no_proxy: '127.0.0.1',
    NO_PROXY: '127.0.0.1',
  };
  const said = await install({
    ...NODE,
    ...way,
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
    all_proxy: 'a"b',
    SECRET: 'x',
  });
  expect(said.code).toBe(0);
  const file = join(machine, 'etc/sam/network.env');
  expect(readFileSync(file, 'utf8').trimEnd().split('\n').sort()).toEqual(
    [...Object.entries(way), ['NODE_EXTRA_CA_CERTS', '/etc/ca.pem']].map((one) => one.join('=')).sort(),
  );
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
