// A program of its own, inside a container: connects what listens there on loopback with a socket that the node's agent serves, when the
// agent says so, and says what listens. It knows no protocol and imports nothing of ours. `dial.ts SOCKET NETWORK`; each line of its standard
// input is `ID PORT`, each of its standard output `ID`, where nothing listens, or `= PORT PORT …`. It goes when its input ends.
import { readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [, , socket = '', network = ''] = process.argv;
/** A container that shares the agent's network has the node's own listeners, and its neighbours': none of them is connected. */
const isShared = readLink('/proc/self/ns/net') === network;
const LOOK_EVERY_MS = 2_000;
/** Nobody looks through more. */
const MAX_PORTS = 1_000;
const LISTENING = '0A';

/** What listens on one of the two loopbacks, or on all addresses. */
function open(port: number, hosts: string[]): Promise<Socket | undefined> {
  const [host, ...others] = hosts;
  if (host === undefined) return Promise.resolve(undefined);
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  const one = connect({ host, port, allowHalfOpen: true, noDelay: true });
  one.once('connect', () => resolve(one));
  one.on('error', () => resolve(open(port, others)));
  return promise;
}

async function dial(id: string, port: number): Promise<void> {
  const program = isShared ? undefined : await open(port, ['127.0.0.1', '::1']);
  if (!program) return void process.stdout.write(`${id}\n`);
  const agent = connect({ path: socket, allowHalfOpen: true });
  agent.write(`${id}\n`);
  agent.on('error', () => program.destroy()).pipe(program);
  program.on('error', () => agent.destroy()).pipe(agent);
  agent.once('close', () => program.destroy());
  program.once('close', () => agent.destroy());
}

/** As the kernel's tables have it. */
function listPorts(): number[] {
  const rows = ['tcp', 'tcp6'].flatMap((name) => read(`/proc/self/net/${name}`).split('\n'));
  const found = rows.flatMap((row) => {
    const [, local = '', , state] = row.trim().split(/\s+/);
    return state === LISTENING ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : [];
  });
  return isShared ? [] : [...new Set(found)].toSorted((a, b) => a - b).slice(0, MAX_PORTS);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

let told = '';
function tell(): void {
  const now = `= ${listPorts().join(' ')}\n`;
  if (now !== told) process.stdout.write(now);
  told = now;
}

tell();
setInterval(tell, LOOK_EVERY_MS);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [id = '', port = ''] = line.split(' ');
    void dial(id, Number(port));
  })
  .on('close', () => process.exit());
