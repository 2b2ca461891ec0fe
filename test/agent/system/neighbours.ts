// Two users with a listener each, in a network of their own (`unshare --net node neighbours.ts FOLDER`); says who reaches whom.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeToNeighbours } from '../../../agent/system/neighbours.ts';
import { becoming } from '../../../agent/system/users.ts';

/** Of version 2. */
const all = process.argv[2] ?? '';

/** On every address: `tcp 4`, `tcp 6`, `udp 4`; says its ports, and `got UID` for each datagram. */
const LISTEN = `
const servers = ['127.0.0.1', '::1', '::'].map((host) => require('node:net').createServer((one) => one.end('hi')).listen(0, host));
const udp = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1');
udp.on('message', (message, from) => udp.send('hi', from.port));
Promise.all([...servers, udp].map((one) => new Promise((done) => one.once('listening', done)))).then(() =>
  console.log(JSON.stringify([...servers, udp].map((one) => one.address().port))));`;

/** One word for each of these ports. */
const CALL = `
const [four, six, any, udp] = JSON.parse(process.argv[1]);
const tcp = (port, host) => new Promise((done) => {
  const socket = require('node:net').connect(port, host);
  socket.once('data', () => done('reached')).once('error', (error) => done(error.code));
});
const datagram = (port) => new Promise((done) => {
  const socket = require('node:dgram').createSocket('udp4');
  socket.once('message', () => done('reached')).once('error', (error) => done(error.code));
  socket.connect(port, '127.0.0.1', () => socket.send('hi'));
});
Promise.all([tcp(four, '127.0.0.1'), tcp(six, '::1'), tcp(any, '10.99.0.1'), datagram(udp)]).then((words) => {
  console.log(JSON.stringify(words));
  process.exit();
});`;

const USERS = { one: 29_991, other: 29_992 };
type Name = keyof typeof USERS;

const started: ChildProcess[] = [];

/** As a session of this workspace would; `root`: the agent itself. */
function start(name: Name | 'root', script: string, ...args: string[]) {
  const command = { file: process.execPath, args: ['-e', script, ...args] };
  const { file, args: rest } =
    name === 'root'
      ? command
      : becoming({ name, uid: USERS[name], gid: USERS[name], home: '/' }, command, {
          cwd: '/',
          doors: [join(all, name, 'cgroup.procs')],
        });
  const child = spawn(file, rest, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  return child;
}

async function listen(name: Name | 'root'): Promise<string> {
  const [ports] = await once(start(name, LISTEN).stdout, 'data');
  return String(ports).trim();
}

async function call(name: Name | 'root', ports: string): Promise<string> {
  const [words] = await once(start(name, CALL, ports).stdout, 'data');
  return [...new Set(JSON.parse(String(words)) as string[])].join(' ');
}

execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['addr', 'add', '10.99.0.1/32', 'dev', 'lo']);
for (const name of Object.keys(USERS)) mkdirSync(join(all, name));
const ports = { one: await listen('one'), other: await listen('other'), root: await listen('root') };
const before = await call('one', ports.other);
for (const name of ['one', 'other', 'one'] as const) {
  const place = { all, depth: 1, own: join(all, name) };
  await closeToNeighbours({ uid: USERS[name], ...place });
}
const later = await listen('other');
console.log(
  JSON.stringify({
    'one to other, before': before,
    'one to other': await call('one', ports.other),
    'one to other, which listens since': await call('one', later),
    'other to one': await call('other', ports.one),
    'one to one': await call('one', ports.one),
    'one to the agent': await call('one', ports.root),
    'the agent to one': await call('root', ports.one),
  }),
);
for (const child of started) child.kill('SIGKILL');
