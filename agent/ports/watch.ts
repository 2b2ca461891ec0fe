// Looks from time to time which ports the running workspaces listen on, and tells when that is news. Nobody else would say it: the
// kernel tells of no new listener. Knows no kernel and no container.

const LOOK_EVERY_MS = 2_000;

export interface PortsWatch {
  /** As they were seen last; undefined: it has none, or does not run. */
  find: (workspace: string) => number[] | undefined;
  close: () => Promise<void>;
}

export interface PortsWatchOptions {
  /** Those that run now, with what each listens on; never rejects. */
  list: () => { id: string; ports: () => Promise<number[]> }[];
  onChange: (workspace: string) => void;
  everyMs?: number;
}

export function watchPorts({ list, onChange, everyMs = LOOK_EVERY_MS }: PortsWatchOptions): PortsWatch {
  const seen = new Map<string, number[]>();
  const look = async () => {
    const running = list();
    const ids = new Set(running.map(({ id }) => id));
    for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
    for (const { id, ports } of running) {
      const now = await ports();
      const before = seen.get(id) ?? [];
      if (now.join() === before.join()) continue;
      seen.set(id, now);
      onChange(id);
    }
  };
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  // One look after the other, however long one takes.
  const again = () => {
    timer = setTimeout(() => void look().finally(() => isClosed || again()), everyMs).unref();
  };
  again();
  return {
    find: (id) => {
      const ports = seen.get(id);
      return ports && ports.length > 0 ? ports : undefined;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      return Promise.resolve();
    },
  };
}
