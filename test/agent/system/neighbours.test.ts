// On one machine a workspace's user does not reach what another one listens on: real users, in a network that the test makes.
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { isLeftOut } from '../../needs.ts';
import { eventually } from '../../testers/watch.ts';

const UNIFIED = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(
  readFileSync('/proc/self/mountinfo', 'utf8'),
)?.[1];

function findObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (UNIFIED === undefined) return 'there is no cgroup v2';
  const made = spawnSync('unshare', ['--net', 'nft', 'add table inet t']);
  return made.status === 0 ? undefined : 'nft does not work here (apt-get install nftables)';
}

test.skipIf(isLeftOut('neighbours', findObstacle()))(
  'a neighbour’s ports are refused, also new ones; one’s own and the agent’s are not',
  async () => {
    const all = join(UNIFIED ?? '', `sam-test-${randomBytes(4).toString('hex')}`);
    mkdirSync(all);
    onTestFinished(async () => {
      writeFileSync(join(all, 'cgroup.kill'), '1');
      await eventually(() => {
        for (const name of ['one', 'other', '']) rmdirSync(join(all, name));
        return true;
      }, 'the groups to go');
    });
    const program = [process.execPath, fileURLToPath(new URL('./neighbours.ts', import.meta.url)), all];
    const said = execFileSync('unshare', ['--net', ...program], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({
      'one to other, before': 'reached',
      'one to other': 'ECONNREFUSED',
      'one to other, which listens since': 'ECONNREFUSED',
      'other to one': 'ECONNREFUSED',
      'one to one': 'reached',
      'one to the agent': 'reached',
      'the agent to one': 'reached',
    });
  },
);
