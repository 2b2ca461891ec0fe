// What a VM boots with: its shape, what is in it and what never is, and its boot program against a fake bot.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { artifactRoutes } from '../../bot/nodes/artifact.ts';
import { matchRoute, pathOf } from '../../bot/http/routes.ts';
import { isLeftOut } from '../needs.ts';
import { bootData, MAX_BYTES } from '../../bot/providers/boot/cloud-init.ts';
import type { Network } from '../../bot/providers/boot/network.ts';
import { openClosedNetwork, type ClosedNetwork } from '../agent/system/proxy.ts';

const BOOT = {
  url: 'https://sam.example.com',
  node: 'nd-abcdefghijkl',
  bootstrapToken: 'canary-bootstrap-token-0123456789',
};

interface CloudConfig {
  ca_certs?: unknown;
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: unknown;
}

const read = (boot = BOOT, network?: Network): CloudConfig => parse(bootData(boot, network)) as CloudConfig;
const file = (path: string): string => read().write_files.find((one) => one.path === path)?.content ?? '';

describe('the boot data', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../fakes/openapi/cloud-init.json', import.meta.url), 'utf8'),
  ) as Parameters<typeof z.fromJSONSchema>[0];

  test('is what cloud-init takes, and small', () => {
    const text = bootData(BOOT);
    expect(text.startsWith('#cloud-config\n')).toBe(true);
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_BYTES / 2);
    expect(z.fromJSONSchema(schema).safeParse(parse(text))).toMatchObject({ success: true });
    // The description is one that refuses something.
    for (const bad of [{ runcmd: 'ls' }, { write_file: [] }, { write_files: [{ content: 'x' }] }])
      expect(z.fromJSONSchema(schema).safeParse(bad).success, JSON.stringify(bad)).toBe(false);
  });

  test('holds the address, the node and the token, once each, where only root can read', () => {
    expect(file('/etc/sam/agent.env')).toMatchInlineSnapshot(`
      "SAM_URL=https://sam.example.com
      SAM_NODE=nd-abcdefghijkl
      SAM_BOOTSTRAP_TOKEN=canary-bootstrap-token-0123456789
      SAM_DIR=/var/lib/sam
      "
    `);
    expect(bootData(BOOT).split(BOOT.bootstrapToken)).toHaveLength(2);
    expect(read().write_files.find(({ path }) => path === '/etc/sam/agent.env')?.permissions).toBe('0600');
  });

  test('has nothing of the environment of the bot in it', () => {
    const canaries = ['HCLOUD_TOKEN', 'CLOUDFLARE_API_TOKEN', 'DATABASE_URL', 'ENCRYPTION_KEY'];
    for (const name of canaries) process.env[name] = `canary-of-${name}`;
    const text = bootData(BOOT);
    for (const name of canaries) delete process.env[name];
    expect(text).not.toContain('canary-of-');
    expect(text.match(/canary/g)).toHaveLength(1);
  });

  test('is the same for every node but for those three', () => {
    const other = {
      url: 'http://127.0.0.1:3000',
      node: 'nd-234567abcdef',
      bootstrapToken: 'another-token-of-forty-characters-or-more',
    };
    const changed = Object.entries(other).reduce(
      (text, [name, value]) => text.replaceAll(BOOT[name as keyof typeof BOOT], value),
      bootData(BOOT),
    );
    expect(bootData(other)).toBe(changed);
  });

  test('no text can change its shape: it is taken as it is, or not at all', () => {
    const shape = (config: CloudConfig) =>
      JSON.stringify({ ...config, write_files: config.write_files.map(({ path }) => path) });
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('x\nruncmd: [reboot]', '"}]', '${HOME}', '$(reboot)', "' #", 'a=b', '\u2028', ''),
    );
    const boot = fc.record({
      url: fc.oneof({ weight: 6, arbitrary: fc.constant(BOOT.url) }, fc.webUrl(), text),
      node: fc.oneof({ weight: 6, arbitrary: fc.constant(BOOT.node) }, text),
      bootstrapToken: fc.oneof(fc.constant(BOOT.bootstrapToken), fc.base64String({ minLength: 20 }), text),
    });
    let taken = 0;
    fc.assert(
      fc.property(boot, (asked) => {
        let config: CloudConfig;
        try {
          config = read(asked);
        } catch {
          return;
        }
        taken += 1;
        expect(shape(config)).toBe(shape(read()));
        const { content } = config.write_files[0]!;
        expect(content).toMatch(
          /^SAM_URL=[\w.:/-]+\nSAM_NODE=[\w-]+\nSAM_BOOTSTRAP_TOKEN=[\w-]+\nSAM_DIR=[\w/]+\n$/,
        );
        expect(content).toBe(
          `SAM_URL=${asked.url}\nSAM_NODE=${asked.node}\nSAM_BOOTSTRAP_TOKEN=${asked.bootstrapToken}\nSAM_DIR=/var/lib/sam\n`,
        );
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(5);
  });

  test('closes the metadata address, and keeps upgrades from restarting the agent', () => {
    expect(file('/etc/sam/metadata.nft')).toContain('ip daddr 169.254.169.254 drop');
    // The agent's unit comes with the agent.
    expect(file('/etc/systemd/system/sam-agent.service')).toBe('');
    expect(file('/etc/apt/apt.conf.d/52sam-upgrades')).toContain('Automatic-Reboot "false"');
    expect(file('/etc/needrestart/conf.d/50-sam.conf')).toContain("$nrconf{restart} = 'l'");
  });
});

test('says how the machine gets out and whom it trusts, if it is told so, and nothing if not', () => {
  const proxy = 'http://sam:s3cret@proxy.test:3128';
  const authorities = ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'];
  const config = read(BOOT, { proxy, direct: ['git.test', '.inside'], authorities });
  const has = (path: string) => config.write_files.find((one) => one.path === path);
  const no = 'localhost,127.0.0.1,::1,169.254.169.254,git.test,.inside';
  expect(has('/etc/sam/network.env')).toMatchObject({
    permissions: '0600',
    content: [
      `http_proxy=${proxy}`,
      `https_proxy=${proxy}`,
      `no_proxy=${no}`,
      `HTTP_PROXY=${proxy}`,
      `HTTPS_PROXY=${proxy}`,
      `NO_PROXY=${no}`,
      'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n',
    ].join('\n'),
  });
  expect(has('/etc/apt/apt.conf.d/51sam-proxy')?.content.split('\n').slice(0, 2)).toEqual([
    `Acquire::http::Proxy "${proxy}";`,
    'Acquire::http::Proxy::git.test "DIRECT";',
  ]);
  expect(config.ca_certs).toEqual({ trusted: authorities });
  expect(read(BOOT, { proxy: undefined, direct: ['x'], authorities: [] })).toEqual(read());
});

// --- boot.py ------------------------------------------------------------------------------------------------------

const hasPython = spawnSync('python3', ['--version']).status === 0;

interface Report {
  step: string;
  ok: boolean;
  message: string;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Runs boot.py with `/` elsewhere, programs that only write down how they were called, and a bot that serves `agent`. */
async function boot({
  agent = anAgent(),
  announced,
  failing = '',
  status = 200,
  behind,
}: {
  agent?: Buffer;
  announced?: Buffer;
  failing?: string;
  status?: number;
  behind?: ClosedNetwork;
} = {}) {
  const promised = announced ?? agent;
  const root = mkdtempSync(join(tmpdir(), 'sam-boot-'));
  folders.push(root);
  for (const folder of ['etc/sam', 'opt/sam', 'usr/local/bin', 'run', 'bin'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const program of ['systemctl', 'apt-get', 'apt-cache', 'nft', 'npm', 'sleep']) {
    const path = join(root, 'bin', program);
    const lines = [
      '#!/bin/sh',
      `echo "${program} $*" >> ${root}/calls`,
      `[ ${program} = apt-cache ] && echo docker-cli docker-buildx | tr ' ' '\\n'`,
      `[ -e ${root}/run/sam-engine-coming ] && echo "${program} $*" >> ${root}/coming`,
      failing && `case "${program} $*" in ${failing}) echo 'E: no such thing' >&2; exit 100;; esac`,
      'exit 0',
    ];
    writeFileSync(path, lines.join('\n'));
    chmodSync(path, 0o755);
  }
  const reports: (Report & { token: string | undefined })[] = [];
  const sent: string[] = [];
  const bot = createServer((req, res) => void answer(req, res));
  writeArtifact(join(root, 'dist'), agent, promised);
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    sent.push(`${req.method} ${req.url} ${req.headers.authorization ? 'with' : 'without'} token`);
    if (req.url === '/agent/boot') {
      const parts: Buffer[] = [];
      for await (const part of req) parts.push(part as Buffer);
      const said = JSON.parse(Buffer.concat(parts).toString()) as Report;
      reports.push({ ...said, token: req.headers.authorization?.slice(7) });
      return void res.writeHead(200).end('{}');
    }
    if (status !== 200) return void res.writeHead(status).end();
    const routes = artifactRoutes({ folder: join(root, 'dist'), baseUrl: url });
    const match = matchRoute(routes, req.method, pathOf(req) ?? '');
    if (typeof match === 'object') await match.route.handle(req, res, match.params);
    else res.writeHead(404).end();
  };
  await new Promise<void>((resolve) => bot.listen(0, '127.0.0.1', resolve));
  const { port } = bot.address() as AddressInfo;
  await behind?.serve('bot.test', port);
  const url = behind ? 'https://bot.test' : `http://127.0.0.1:${port}`;
  const network = behind && { proxy: behind.proxy, direct: [], authorities: [] };
  const files = read({ ...BOOT, url }, network).write_files;
  for (const one of files.filter(({ path }) => /^\/(etc|opt)\/sam\//.test(path)))
    writeFileSync(join(root, one.path), one.content);
  // In place of what `ca_certs` adds to the system's.
  const trusted = behind && { SSL_CERT_FILE: behind.authority, CURL_CA_BUNDLE: behind.authority };
  const code = await new Promise<number>((resolve) => {
    execFile(
      'python3',
      [join(root, 'opt/sam/boot.py')],
      { env: { PATH: `${root}/bin:${process.env['PATH']}`, SAM_BOOT_ROOT: root, ...trusted } },
      (error) => resolve(Number(error?.code ?? 0)),
    );
  });
  bot.closeAllConnections();
  bot.close();
  const calls = readFileSync(join(root, 'calls'), 'utf8').trimEnd().split('\n');
  return { root, code, reports, sent, calls };
}

/** What the bot has: an agent of the same size, and the hash of the one that it announces. */
function writeArtifact(folder: string, agent: Buffer, promised: Buffer): void {
  mkdirSync(folder);
  const sha256 = createHash('sha256').update(promised).digest('hex');
  const artifacts = ['x64', 'arm64'].map((arch) => {
    const file = `sam-agent-linux-${arch}.tar.gz`;
    writeFileSync(join(folder, file), agent);
    return { os: 'linux', arch, file, sha256, size: agent.length };
  });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ version: '0.1.0', artifacts }));
}

/** A tar with one program. */
function anAgent(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'sam-agent-'));
  folders.push(folder);
  writeFileSync(join(folder, 'sam-agent'), '#!/bin/sh\n', { mode: 0o755 });
  return execFileSync('tar', ['-C', folder, '-cz', 'sam-agent']);
}

describe.skipIf(isLeftOut('the boot program', !hasPython && 'it needs python3'))('the boot program', () => {
  test('closes the metadata address, brings the agent, and only then what people use; each step is told', async () => {
    const { root, code, reports, calls, sent } = await boot();
    expect(reports.map(({ step, ok }) => `${step} ${ok}`)).toEqual(
      ['metadata', 'agent', 'git', 'docker', 'upgrades'].map((step) => `${step} true`),
    );
    expect(new Set(reports.map(({ token }) => token))).toEqual(new Set([BOOT.bootstrapToken]));
    expect(code).toBe(0);
    expect(statSync(join(root, 'opt/sam/agent/sam-agent')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(root, 'opt/sam/agent'))).toBe('agent-0.1.0');
    const unit = readFileSync(join(root, 'etc/systemd/system/sam-agent.service'), 'utf8');
    expect(unit).toContain('\nExecStart=/opt/sam/agent/sam-agent\n');
    // What was written before the boot is what the agent reads.
    expect(readFileSync(join(root, 'etc/sam/agent.env'), 'utf8')).toContain(BOOT.bootstrapToken);
    const agentAt = sent.findIndex((one) => one.includes('/api/agent/download'));
    expect(agentAt).toBeGreaterThan(0);
    expect(calls[0]).toBe('systemctl enable --now sam-metadata.service');
    expect(calls[1]).toBe('apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update');
    expect(
      calls.filter((call) => / install /.test(call)).map((call) => call.split('recommends ')[1]),
    ).toEqual(['git openssh-client', 'docker.io docker-cli docker-buildx', 'unattended-upgrades']);
    // Until the engine is there the agent knows that it will be.
    const coming = readFileSync(join(root, 'coming'), 'utf8').trimEnd().split('\n');
    expect(coming).toEqual(calls.slice(0, coming.length));
    expect(coming.at(-1)).toContain(' docker.io ');
    // Only reports carry the token.
    expect(sent.filter((one) => one.endsWith('with token')).every((one) => one.includes('/agent/boot'))).toBe(
      true,
    );
  });

  test('an agent that is not the announced one is not started, and that is told', async () => {
    const agent = anAgent();
    const { root, code, reports } = await boot({
      agent,
      announced: Buffer.concat([agent, Buffer.from('x')]),
    });
    expect(reports.at(-1)).toMatchObject({
      step: 'agent',
      ok: false,
      message: expect.stringContaining('what came is not what was announced') as string,
    });
    expect(code).toBe(1);
    expect(existsSync(join(root, 'opt/sam/agent'))).toBe(false);
  });

  test('behind a proxy all of it goes that way, the install script too; the agent hears of it by its unit', async () => {
    const network = await openClosedNetwork();
    const { root, code, reports } = await boot({ behind: network });
    expect([code, reports.length]).toEqual([0, 5]);
    expect(network.asked()).toEqual(['CONNECT bot.test:443']);
    const unit = readFileSync(join(root, 'etc/systemd/system/sam-agent.service'), 'utf8');
    expect(unit).toContain('\nEnvironmentFile=-/etc/sam/network.env\n');
  });

  test('a bot that has no agent to give is told of at once', async () => {
    const { reports } = await boot({ status: 404 });
    expect(reports.map(({ step, ok }) => `${step} ${ok}`)).toEqual(['metadata true', 'agent false']);
  });

  test('a tool that cannot be installed is told, and stops no other', async () => {
    const { root, code, reports } = await boot({ failing: '*docker.io*' });
    expect(existsSync(join(root, 'run/sam-engine-coming'))).toBe(false);
    expect(reports.filter(({ ok }) => !ok)).toEqual([
      expect.objectContaining({
        step: 'docker',
        message: expect.stringContaining('no such thing') as string,
      }),
    ]);
    expect(reports).toHaveLength(5);
    expect(code).toBe(1);
  });
});
