// Connections across the border of a network namespace, where nothing else goes: by sockets in a folder. As a program it
// runs inside: `forward.ts FOLDER in:PORT... out:PORT...`. It knows no protocol.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/** Listens at `from`, and passes each connection on to `to`. A port is one of 127.0.0.1. */
export async function forward(from: number | string, to: number | string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (one) => {
    const other = open(to);
    for (const [source, target] of [
      [one, other],
      [other, one],
    ] as const) {
      source.on('error', () => target.destroy());
      source.pipe(target);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof from === 'string') server.listen(from, resolve);
    else server.listen(from, '127.0.0.1', resolve);
  });
  return server;
}

function open(to: number | string): Socket {
  const at = typeof to === 'string' ? { path: to } : { port: to, host: '127.0.0.1' };
  return connect({ ...at, allowHalfOpen: true });
}

/** The socket that leads out of the namespace to `port`, or into it. */
export const socketAt = (folder: string, direction: 'in' | 'out', port: number): string =>
  join(folder, `${direction}-${port}`);

if (import.meta.main) {
  const [folder = '', ...ways] = process.argv.slice(2);
  for (const way of ways) {
    const [direction, port] = [way.split(':')[0], Number(way.split(':')[1])];
    if (direction === 'out') await forward(port, socketAt(folder, 'out', port));
    else await forward(socketAt(folder, 'in', port), port);
  }
  process.stdout.write('ready\n');
}
