// A program of its own, inside a container: what asks at a port of loopback is passed on to a socket that the node's agent serves.
// It knows no protocol and imports nothing of ours. `relay.ts SOCKET PORT`; it goes when its standard input ends, as it does when
// the agent goes.
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** The one before may be about to go. */
const TRIES = 20;
const RETRY_MS = 50;

const [, , socket = '', port = '0'] = process.argv;

const server = createServer({ allowHalfOpen: true }, (one) => {
  const other = connect({ path: socket, allowHalfOpen: true });
  one.on('error', () => other.destroy()).pipe(other);
  other.on('error', () => one.destroy()).pipe(one);
  one.once('close', () => other.destroy());
  other.once('close', () => one.destroy());
});

/** Whoever has the port keeps it: then any other one. */
async function listen(wanted: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenAt(server, attempt > TRIES ? 0 : wanted);
    } catch (error) {
      if (attempt > TRIES) throw error;
      await delay(RETRY_MS);
    }
  }
}

function listenAt(listener: Server, at: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  listener.once('error', reject);
  listener.listen(at, '127.0.0.1', () => {
    listener.off('error', reject);
    resolve();
  });
  return promise;
}

await listen(Number(port));
process.stdin.on('end', () => process.exit()).resume();
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
