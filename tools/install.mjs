// Installs the packages when the lockfile has changed since the last time, and only then. Runs before `npm start`
// and `npm test` on whatever Node the machine has (20 or newer), so it is plain JavaScript without dependencies.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
const complete = 'node_modules/.sam-complete';
const production = 'node_modules/.sam-production';
const isCurrent = (stamp) => existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;

// A complete install serves production too: `npm start` after `npm test` must not prune what the tests need.
const wanted = process.argv.includes('--omit=dev') ? production : complete;
if (!isCurrent(complete) && !isCurrent(wanted)) {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    console.error(
      `Sam needs Node 20 or newer; this is ${process.version}. Install a newer one from https://nodejs.org`,
    );
    process.exit(1);
  }
  const startedAt = Date.now();
  console.log('Installing packages (only when they changed) …');
  const flags = [
    'ci',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...process.argv.slice(2),
  ];
  const npm = process.env.npm_execpath;
  const run = npm ? [process.execPath, [npm, ...flags]] : ['npm', flags];
  const { status } = spawnSync(run[0], run[1], { stdio: 'inherit' });
  if (status !== 0) {
    console.error('npm ci failed. Look at the lines above, then run the same command again.');
    process.exit(status ?? 1);
  }
  writeFileSync(wanted, lock);
  console.log(`Packages installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}
