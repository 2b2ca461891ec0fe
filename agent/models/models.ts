// The gateway of this node, put together: what tokens are made from and where it listens stay the same over a restart of the agent.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, findJson, writeJson } from '../system/files.ts';
import type { ModelServices } from '../protocol.ts';
import { createGateway, type Gateway, type GatewayOptions, type Listener } from './gateway.ts';
import { createKeys, type Keys } from './keys.ts';

const HOST = '127.0.0.1';

const kept = z.object({
  secret: z.string().regex(/^[\w+/]{43}=$/),
  port: z.number().int().min(0).max(65_535),
});

/** The way of this node's workspaces to models. */
export interface Models {
  /** Where this run of a workspace asks, and with what. */
  way: (workspace: string, run: number) => { url: string; token: string };
  /** The workspace asks nothing any more. */
  end: (workspace: string) => void;
  /** The bot said where models are. */
  serve: (services: ModelServices) => void;
  /** What the bot answers, and hears. */
  keys: Keys;
  /** The bot says that keys have changed: none is used that is none any more, in answers under way either. */
  changed: () => void;
  close: () => Promise<void>;
}

export type ModelsOptions = Omit<GatewayOptions, 'secret' | 'keys' | 'services'>;

export async function openModels(dir: string, options: ModelsOptions): Promise<Models> {
  const path = join(dir, 'gateway.json');
  const before = kept.safeParse(await findJson(path).catch(() => undefined)).data;
  const secret = before?.secret ?? randomBytes(32).toString('base64');
  const keys = createKeys();
  let services: ModelServices | undefined;
  const gateway = createGateway({
    ...options,
    keys,
    services: () => services,
    secret: Buffer.from(secret, 'base64'),
  });
  const { port } = await listenAgain(gateway, before?.port ?? 0);
  if (port !== before?.port) await writeJson(path, { secret, port });
  return {
    way: (workspace, run) => ({ url: `http://${HOST}:${port}`, token: gateway.tokenOf(workspace, run) }),
    end: gateway.end,
    serve: (moved) => void (services = moved),
    keys,
    changed() {
      keys.forget();
      gateway.recheck();
    },
    close: gateway.close,
  };
}

/** Somebody else may have taken the port: what runs on asks in vain then, and what starts does not. */
async function listenAgain(gateway: Gateway, port: number): Promise<Listener> {
  try {
    return await gateway.listen({ host: HOST, port });
  } catch (error) {
    if (port === 0 || codeOf(error) !== 'EADDRINUSE') throw error;
    return gateway.listen({ host: HOST, port: 0 });
  }
}
