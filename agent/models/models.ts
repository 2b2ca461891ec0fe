// The gateway of this node, put together: what tokens are made from and where it listens stay the same over a restart of the agent.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, type Log } from '../log.ts';
import { codeOf, findJson, writeJson } from '../system/files.ts';
import type { DesiredWorkspace, ModelServices } from '../protocol.ts';
import { createGateway, type Gateway, type GatewayOptions, type Listener } from './gateway.ts';
import { createKeys, isPassing, type Keys } from './keys.ts';

const HOST = '127.0.0.1';

const kept = z.object({
  secret: z.string().regex(/^[\w+/]{43}=$/),
  port: z.number().int().min(0).max(65_535),
});

/** The way of this node's workspaces to models. */
export interface Models {
  /** With what this run of a workspace asks: through the gateway, or by itself with a token of its owner's plan. */
  way: (workspace: string, run: number) => Way;
  /** The gateway, whatever else there is. */
  gate: (workspace: string, run: number) => Gate;
  /** The bot said what the owner has left for it: resolves when `way` says so, too. Never rejects. */
  prepare: (desired: Wanted) => Promise<void>;
  /** Serves the workspace at a socket in a folder that it alone gets into, too, until its `end`. Repeatable; never rejects. */
  open: (workspace: string, socket: string) => Promise<void>;
  /** The workspace asks nothing any more, and nobody is heard at its socket. */
  end: (workspace: string) => Promise<void>;
  /** The bot said where models are. */
  serve: (services: ModelServices) => void;
  /** What the bot answers, and hears. */
  keys: Keys;
  /** Keys have changed, or may have: none is used that is none any more, in answers under way either. */
  changed: () => void;
  close: () => Promise<void>;
}

type Wanted = Pick<DesiredWorkspace, 'id' | 'desired' | 'credentials' | 'claude'>;

export interface Gate {
  url: string;
  token: string;
}

export type Way = Gate | { plan: string };

export type ModelsOptions = Omit<GatewayOptions, 'secret' | 'keys' | 'services'>;

/** What the kernel writes of this process when it breaks has no memory in it: keys are there. Programs that it starts have their own say. */
async function keepOutOfCores(): Promise<void> {
  await writeFile('/proc/self/coredump_filter', '0').catch(() => undefined);
}

export async function openModels(dir: string, options: ModelsOptions): Promise<Models> {
  await keepOutOfCores();
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
  const plans = createPlans(keys);
  const doors = createDoors(gateway, options.log);
  const { port } = await listenAgain(gateway, before?.port ?? 0);
  if (port !== before?.port) await writeJson(path, { secret, port });
  const gate = (workspace: string, run: number) => ({
    url: `http://${HOST}:${port}`,
    token: gateway.tokenOf(workspace, run),
  });
  return {
    way: (workspace, run) => plans.find(workspace) ?? gate(workspace, run),
    gate,
    prepare: plans.prepare,
    open: doors.open,
    async end(workspace) {
      gateway.end(workspace);
      await doors.close(workspace);
    },
    serve: (moved) => void (services = moved),
    keys,
    changed() {
      keys.forget();
      gateway.recheck();
      plans.renew();
    },
    close: gateway.close,
  };
}

/** The sockets of workspaces whose programs do not reach this node's loopback. */
function createDoors(gateway: Gateway, log: Log) {
  const listeners = new Map<string, Promise<Listener | undefined>>();
  const listen = (workspace: string, path: string) =>
    gateway.listen({ path }, workspace).catch((error: unknown) => {
      log.error('a workspace cannot ask models', { workspace, error: describeError(error) });
      return undefined;
    });
  const open = async (workspace: string, path: string): Promise<void> => {
    const opening = listeners.get(workspace) ?? listen(workspace, path);
    listeners.set(workspace, opening);
    if ((await opening) === undefined) listeners.delete(workspace);
  };
  const close = async (workspace: string): Promise<void> => {
    const listener = await listeners.get(workspace);
    listeners.delete(workspace);
    await listener?.close();
  };
  return { open, close };
}

interface Plan {
  /** As the bot said it last. */
  value?: string | undefined;
  /** The question under way, or the last one; absent: it is to be asked again, for nobody could say. */
  asking?: Promise<void> | undefined;
}

/** Tokens of plans, for the environments of processes that start: in memory alone, as long as the workspace is to run. */
function createPlans(keys: Keys) {
  const plans = new Map<string, Plan>();
  const ask = (id: string, plan: Plan): Promise<void> => {
    const asking: Promise<void> = keys.find(id, 'claude').then((key) => {
      // Asked anew meanwhile: that answer counts.
      if (plan.asking !== asking) return plan.asking;
      if ('value' in key) plan.value = key.value;
      else plan.asking = undefined;
      if ('error' in key && !isPassing(key.error)) plan.value = undefined;
      return undefined;
    });
    return (plan.asking = asking);
  };
  return {
    find(workspace: string): Way | undefined {
      const plan = plans.get(workspace)?.value;
      return plan === undefined ? undefined : { plan };
    },
    prepare: async ({ id, desired, credentials, claude }: Wanted) => {
      const isWanted = desired === 'running' && claude === 'plan' && credentials !== 'none';
      if (!isWanted) return void plans.delete(id);
      const plan = plans.get(id) ?? {};
      plans.set(id, plan);
      await (plan.asking ?? ask(id, plan));
    },
    renew() {
      for (const [id, plan] of plans) void ask(id, plan);
    },
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
