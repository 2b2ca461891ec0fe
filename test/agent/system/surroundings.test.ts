// What an agent takes from where it runs: a user without a name, proxies, certificates. As real processes.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { environment } from '../../../agent/git/git.ts';
import { createHostRuntime } from '../../../agent/runtimes/host.ts';
import { PASSED } from '../../../agent/protocol.ts';
import { passedFrom } from '../../../agent/system/environment.ts';
import { createUsers } from '../../../agent/system/users.ts';
import { createNode } from '../../testers/node.ts';
import { look } from '../viewer.ts';

const NAMELESS = ['setpriv', '--reuid', '54321', '--regid', '54321', '--clear-groups'];

describe.runIf(process.getuid?.() === 0)('a user that the system has no entry for', () => {
  test('has workspaces and terminals like any other; its name is its number', async () => {
    const context = await createNode();
    const goal = context.goal();
    execFileSync('chown', ['-R', '54321:54321', context.folder]);
    chmodSync(context.folder, 0o755);
    context.bot.want(goal);
    const agent = context.start({ HOME: context.folder }, NAMELESS);
    await context.bot.report(goal.id, (one) => one.phase === 'running' && one.work !== undefined);
    const viewer = await look(context, goal.id);
    await viewer.open();
    viewer.type(
      'echo "is:$USER $LOGNAME $(id -u) $HOME"; git commit -q --allow-empty -m x; git log --format=%s\n',
    );
    await viewer.reads(new RegExp(`is:54321 54321 54321 ${context.folder}`));
    expect(JSON.stringify(viewer.state.messages)).not.toContain('system error');
    expect(agent.output()).not.toMatch(/uv_os|"level":"error"/);
    context.bot.want({ ...goal, desired: 'deleted' });
    await context.bot.report(goal.id, (one) => one.phase === 'deleted' || one.refused !== undefined);
  });
});

const SURROUNDINGS = {
  http_proxy: 'http://proxy.test:1',
  HTTPS_PROXY: 'http://proxy.test:2',
  no_proxy: 'inside.test',
  all_proxy: 'socks5://proxy.test:3',
  GIT_SSL_CAINFO: '/ca/git.pem',
  SSL_CERT_FILE: '/ca/all.pem',
  SSL_CERT_DIR: '/ca',
  NODE_EXTRA_CA_CERTS: '/ca/node.pem',
  TMPDIR: '/scratch',
  XDG_CACHE_HOME: '/cache',
  LC_TIME: 'de_DE.UTF-8',
  TZ: 'Europe/Berlin',
};
const SECRETS = { AWS_SECRET_ACCESS_KEY: 'x', SAM_CANARY: 'x', HCLOUD_TOKEN: 'x', GIT_SSH_COMMAND: 'x' };

const runtime = () => createHostRuntime({ env: process.env, users: createUsers('/nowhere') });

test('proxies, certificates, places, language and time reach git and sessions; nothing else does', () => {
  const before = { ...process.env };
  Object.assign(process.env, SURROUNDINGS, SECRETS);
  try {
    const git = environment({ repository: '/a', mark: {} });
    const place = { id: 'ws-abcdefghijkl', name: 'api-1', dir: '/', env: {} };
    const session = runtime().session(place, undefined).env;
    for (const env of [git, session]) {
      expect(env).toMatchObject({ ...SURROUNDINGS, no_proxy: 'inside.test,localhost,127.0.0.1,::1' });
      expect(Object.keys(env).filter((name) => name in SECRETS)).toEqual([]);
    }
    // Another user has other places.
    const user = { name: 'sam-a', uid: 20_000, gid: 20_000, home: join('/work', '.home') };
    for (const env of [
      environment({ repository: '/a', mark: {}, user }),
      runtime().session({ ...place, user }, undefined).env,
    ]) {
      expect(env).toMatchObject({ HOME: user.home, USER: user.name, http_proxy: SURROUNDINGS.http_proxy });
      expect(env).not.toHaveProperty('XDG_CACHE_HOME');
    }
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
  for (const name of ['PATH', 'LANG', 'DOCKER_HOST', 'https_proxy'])
    expect(PASSED.test(name), name).toBe(true);
  for (const name of Object.keys(SECRETS)) expect(PASSED.test(name), name).toBe(false);
});

test.each([
  [{}, [undefined, undefined]],
  [{ no_proxy: 'a.test' }, ['a.test', undefined]],
  [{ https_proxy: '' }, [undefined, undefined]],
  [{ HTTPS_PROXY: 'http://p.test' }, ['localhost,127.0.0.1,::1', 'localhost,127.0.0.1,::1']],
  [
    { http_proxy: 'p.test', NO_PROXY: 'a.test, ::1' },
    ['a.test,::1,localhost,127.0.0.1', 'a.test,::1,localhost,127.0.0.1'],
  ],
  [{ all_proxy: 'p.test', no_proxy: 'a.test', NO_PROXY: '*' }, ['a.test,localhost,127.0.0.1,::1', '*']],
])('programs that get %j ask this machine without a proxy', (given, wanted) => {
  const { no_proxy: small, NO_PROXY: large } = passedFrom(given);
  expect([small, large]).toEqual(wanted);
});
