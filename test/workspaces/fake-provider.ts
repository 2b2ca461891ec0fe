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

/** Where installations make servers side by side. */
interface Place {
  servers: Map<string, Server>;
  nextId: number;
}

export const createFakePlace = (): Place => ({ servers: new Map(), nextId: 1 });

const failure = (operation: Operation, retryable: boolean, message: string): ProviderError =>
  new ProviderError({ provider: 'fake', operation, retryable }, message);

export function createFakeProvider(place = createFakePlace(), installation = 'here'): FakeProvider {
  const { servers } = place;
  const calls: FakeProvider['calls'] = [];
  const faults: Record<Operation, Fault[]> = { create: [], find: [], list: [], start: [], remove: [] };
  let hung: { operation: Operation; release: () => void }[] = [];
  let late: (() => void)[] = [];

  const released = (operation: Operation): Promise<void> =>
    new Promise((release) => hung.push({ operation, release }));

  /** `work` throws what the provider answers. */
  async function call<T>(operation: Operation, name: string, work: () => T): Promise<T> {
    calls.push({ operation, name, at: performance.now() });
    const fault = faults[operation].shift();
    const broken = (retryable: boolean) => failure(operation, retryable, `${fault}.`);
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
    if (servers.has(order.name)) throw failure('create', true, `${order.name} already exists.`);
    const { name } = order;
    const server: Server = {
      id: String(place.nextId++),
      name,
      status: 'running',
      createdAt: new Date(),
      labels: labelsFor(installation, order),
    };
    servers.set(name, server);
    return server;
  };
  /** Throws for what is somebody else's, by what is there or by what was handed in. */
  const ours = (operation: Operation, name: string, said?: Server): Server | undefined => {
    const server = servers.get(name);
    for (const one of [server, said])
      if (one && one.labels['sam-installation'] !== installation)
        throw failure(operation, false, `${name} is not ours.`);
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
        [...servers.values()].filter(({ labels }) => labels['sam-installation'] === installation),
      ),
    start: (server) =>
      call('start', server.name, () => {
        const found = ours('start', server.name, server);
        if (found?.id !== server.id) throw failure('start', true, `there is no ${server.name} any more.`);
        servers.set(found.name, { ...found, status: 'running' });
      }),
    remove: (server) =>
      call('remove', server.name, () => {
        if (ours('remove', server.name, server)?.id === server.id) servers.delete(server.name);
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
      const name = patch.name ?? `vm-unknown${place.nextId}`;
      const labels = labelsFor(installation, { node: `nd-unknown${place.nextId}`, owner: 'us-nobody' });
      const server: Server = {
        id: String(place.nextId++),
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
