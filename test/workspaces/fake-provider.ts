// A provider in memory that keeps state and fails as it is told. It keeps the contract of bot/providers/provider.ts.
import { ProviderError } from '../../bot/errors.ts';
import {
  labelsFor,
  WITHOUT_ACCOUNT,
  type Provider,
  type Server,
  type ServerOrder,
} from '../../bot/providers/provider.ts';

export type Operation = 'create' | 'find' | 'list' | 'start' | 'remove';

/** What happens to one call. */
export type Fault =
  /** Fails and changes nothing; may work later. */
  | 'error'
  /** Fails and changes nothing, and never works. */
  | 'refusal'
  /** Works, but the answer is an error. */
  | 'lost-answer'
  /** Answers with an error; works when `land()` is called. */
  | 'lands-later'
  /** Never answers until `release()` is called; then it works. */
  | 'hangs'
  /** As if the bot died in the middle: it works, and no answer comes before `release()`, which is an error. */
  | 'bot-dies';

export interface FakeProvider extends Provider {
  /** By name, of whatever installation. */
  servers: Map<string, Server>;
  /** `at`: ms of `performance.now()`. */
  calls: { operation: Operation; name: string; at: number }[];
  /** The next `times` calls of that operation go wrong; those after them do not. */
  breakNext(operation: Operation, fault: Fault, times?: number): void;
  /** No call goes wrong any more. */
  mend(): void;
  /** How many calls of the operation hang. */
  hanging(operation: Operation): number;
  release(): void;
  /** What was sent and gave no answer arrives. */
  land(): void;
  count(operation: Operation): number;
  /** A server that no row knows. */
  addServer(patch?: Partial<Server>): Server;
}

const INSTALLATION = 'here';

export function createFakeProvider(): FakeProvider {
  const servers = new Map<string, Server>();
  const calls: FakeProvider['calls'] = [];
  const faults: Record<Operation, Fault[]> = { create: [], find: [], list: [], start: [], remove: [] };
  let hung: { operation: Operation; release: () => void }[] = [];
  let late: (() => void)[] = [];
  let nextId = 1;

  const released = (operation: Operation): Promise<void> =>
    new Promise((release) => hung.push({ operation, release }));

  /** `work` throws what the provider answers. */
  async function call<T>(operation: Operation, name: string, work: () => T): Promise<T> {
    calls.push({ operation, name, at: performance.now() });
    const fault = faults[operation].shift();
    const broken = (retryable: boolean): ProviderError =>
      new ProviderError({ provider: 'fake', operation, retryable }, `${fault}.`);
    switch (fault) {
      case undefined:
        return work();
      case 'error':
        throw broken(true);
      case 'refusal':
        throw broken(false);
      case 'lost-answer':
        work();
        throw broken(true);
      case 'lands-later':
        // Should another create have come first, this one finds the name taken.
        late.push(() => {
          try {
            work();
          } catch {}
        });
        throw broken(true);
      case 'hangs':
        await released(operation);
        return work();
      case 'bot-dies':
        work();
        await released(operation);
        throw broken(true);
    }
  }

  const make = (order: ServerOrder): Server => {
    if (servers.has(order.name))
      throw new ProviderError(
        { provider: 'fake', operation: 'create', retryable: true },
        `${order.name} already exists.`,
      );
    const { name } = order;
    const server: Server = {
      id: String(nextId++),
      name,
      status: 'running',
      createdAt: new Date(),
      labels: labelsFor(INSTALLATION, order),
    };
    servers.set(name, server);
    return server;
  };
  const ours = (operation: Operation, name: string): Server | undefined => {
    const server = servers.get(name);
    refuse(operation, server);
    return server;
  };

  return {
    ...WITHOUT_ACCOUNT,
    name: 'fake',
    servers,
    calls,
    create: (order) => call('create', order.name, () => ({ ...make(order) })),
    find: (name) =>
      call('find', name, () => {
        const server = ours('find', name);
        return server && { ...server };
      }),
    list: () =>
      call('list', '', () =>
        [...servers.values()].filter(({ labels }) => labels['sam-installation'] === INSTALLATION),
      ),
    start: ({ name, id }) =>
      call('start', name, () => {
        const server = ours('start', name);
        if (server?.id === id) servers.set(name, { ...server, status: 'running' });
      }),
    remove: ({ name, id }) =>
      call('remove', name, () => {
        if (ours('remove', name)?.id === id) servers.delete(name);
      }),
    breakNext(operation, fault, times = 1) {
      for (let time = 0; time < times; time++) faults[operation].push(fault);
    },
    mend() {
      for (const waiting of Object.values(faults)) waiting.length = 0;
    },
    hanging: (operation) => hung.filter((one) => one.operation === operation).length,
    release() {
      for (const { release } of hung) release();
      hung = [];
    },
    land() {
      for (const work of late) work();
      late = [];
    },
    count: (operation) => calls.filter((one) => one.operation === operation).length,
    addServer(patch = {}) {
      const name = patch.name ?? `vm-unknown${nextId}`;
      const labels = labelsFor(INSTALLATION, { node: `nd-unknown${nextId}`, owner: 'us-nobody' });
      const server: Server = {
        id: String(nextId++),
        name,
        status: 'running',
        createdAt: new Date(0),
        labels,
        ...patch,
      };
      servers.set(name, server);
      return server;
    },
  };
}

function refuse(operation: Operation, server: Server | undefined): void {
  if (server && server.labels['sam-installation'] !== INSTALLATION)
    throw new ProviderError({ provider: 'fake', operation, retryable: false }, `${server.name} is not ours.`);
}
