// A real pty, as the sessions use it: through the native module, and through node-pty's own interface.
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { openPublicPty, type ExitStatus, type Pty, type PtyOptions } from '../../agent/sessions/pty.ts';
import { openPty } from '../../agent/sessions/pty-native.ts';
import { signalGroup } from '../../agent/system/processes.ts';
import { until } from './node.ts';

interface Watched extends Pty {
  text: string;
  status: ExitStatus | undefined;
}

const running: Watched[] = [];
afterEach(() => {
  for (const { pid, status } of running.splice(0)) if (!status) signalGroup(pid, 'SIGKILL');
});

type Open = (options: PtyOptions) => Pty;

function watch(openOne: Open, script: string, onBytes?: (pty: Watched) => void): Watched {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const pty = openOne({
    file: 'bash',
    args: ['-c', script],
    env,
    cwd: '/',
    cols: 80,
    rows: 24,
    onBytes: (bytes, length) => {
      watched.text += bytes.toString('latin1', 0, length);
      onBytes?.(watched);
    },
    onEnd: (status) => (watched.status = status),
  });
  const watched: Watched = Object.assign(pty, { text: '', status: undefined });
  running.push(watched);
  return watched;
}

describe.each([
  ['the native module', openPty],
  ['the public interface', openPublicPty],
])('through %s', (_, openOne) => {
  test('a program reads, writes and ends with its code', async () => {
    const pty = watch(openOne, 'read -r line; echo "got $line"; exit 9');
    pty.write(Buffer.from('ünï\n'));
    await until(() => pty.status !== undefined, 'the end');
    expect(Buffer.from(pty.text, 'latin1').toString()).toContain('got ünï\r\n');
    expect(pty.status).toEqual({ code: 9 });
  });

  test('a program sees its size and its changes', async () => {
    const pty = watch(openOne, 'stty size; read -r _; stty size');
    await until(() => pty.text.includes('24 80'), 'the size');
    pty.resize(100, 50);
    pty.write(Buffer.from('\n'));
    await until(() => pty.text.includes('50 100'), 'the new size');
  });

  test('what is asked of a pty that is over does nothing', async () => {
    const pty = watch(openOne, 'exit 0');
    await until(() => pty.status !== undefined, 'the end');
    pty.resize(10, 10);
    pty.pause();
    pty.resume();
    expect(pty.write(Buffer.from('x'))).toBe(true);
  });
});

test('a program that is not there is output and a code', async () => {
  const pty = openPty({
    file: '/no/such/shell',
    args: [],
    env: {},
    cwd: '/',
    cols: 80,
    rows: 24,
    onBytes: (bytes, length) => (text += bytes.toString('utf8', 0, length)),
    onEnd: (ended) => (status = ended),
  });
  let text = '';
  let status: ExitStatus | undefined;
  await until(() => status !== undefined, 'the end');
  expect(pty.pid).toBeGreaterThan(0);
  expect(text).toContain('No such file');
  expect(status).toEqual({ code: 127 });
});

test('bytes of a program that ended while the pty was paused come when it goes on, then the end', async () => {
  const pty = watch(
    openPty,
    'stty raw -echo; echo -n .; read -r -n 1; head -c 2890 /dev/zero; exit 4',
    (one) => {
      if (one.text === '.') one.pause();
    },
  );
  await until(() => pty.text === '.', 'the first byte');
  pty.write(Buffer.from('x'));
  await until(() => !existsSync(`/proc/${pty.pid}`), 'the end of the program');
  await new Promise((done) => setTimeout(done, 300)); // longer than the silence that ends a pty
  expect([pty.text.length, pty.status]).toEqual([1, undefined]);
  pty.resume();
  await until(() => pty.status !== undefined, 'the end');
  expect([pty.text.length, pty.status]).toEqual([2891, { code: 4 }]);
});

test('a job in the background that keeps the terminal open does not keep the session open', async () => {
  const pty = watch(openPty, 'set -m; trap "" HUP; sleep 5 & echo job $!; exit 0');
  await until(() => pty.status !== undefined, 'the end', 3_000);
  const job = Number(/job (\d+)/.exec(pty.text)?.[1]);
  process.kill(job, 'SIGKILL');
});
