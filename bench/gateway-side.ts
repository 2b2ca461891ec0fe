// One side of the bench of the gateway, as a process of its own: a model that streams, or the gateway before it. Says its port, and
// what it has cost whenever it is asked.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway } from '../agent/models/gateway.ts';

export interface Cost {
  /** Microseconds of CPU since the start. */
  cpu: number;
}

/** An event as models stream them. */
const EVENT = `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x'.repeat(120) } })}\n\n`;
const BATCH = Buffer.from(EVENT.repeat(32));

/** As many bytes as the query says, after one event that comes at once. */
async function serveModel(): Promise<number> {
  const server = createServer((req, res) => {
    const bytes = Number(/beta=(\d+)/.exec(req.url ?? '')?.[1] ?? 0);
    req.resume().once('end', () => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(EVENT);
      let sent = 0;
      const pour = () => {
        while (sent < bytes) {
          sent += BATCH.length;
          if (!res.write(BATCH)) return void res.once('drain', pour);
        }
        res.end();
      };
      pour();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function serveGateway(model: string): Promise<{ port: number; token: string }> {
  const silent = () => {};
  const workspace = 'ws-aaaaaaaaaaaa';
  const gateway = createGateway({
    secret: Buffer.alloc(32, 1),
    keys: { find: () => Promise.resolve({ value: 'sk-ant-api03-of-a-bench' }) },
    services: () => ({ anthropic: model, openai: model }),
    // As where workspaces have users: the kernel is asked whose connection it is.
    find: () => ({ run: 1, uid: process.getuid?.() }),
    onUsage: silent,
    log: { info: silent, warn: silent, error: silent },
  });
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return { port, token: gateway.tokenOf(workspace, 1) };
}

const cost = (): Cost => {
  const { user, system } = process.cpuUsage();
  return { cpu: user + system };
};

const [, , model] = process.argv;
process.on('message', () => process.send?.(cost()));
process.send?.(model === undefined ? { port: await serveModel() } : await serveGateway(model));
