// Screens made from output, in a thread of their own so that no session waits. Knows bytes and sizes; must not know
// sessions or viewers.
import { Worker } from 'node:worker_threads';

/** From offset `at` on the terminal had this size. */
export interface Resize {
  at: number;
  cols: number;
  rows: number;
}

export interface SnapshotJob {
  /** Sequences that come before the output. */
  modes: string;
  /** The offset of the first byte of `output`. */
  from: number;
  output: Uint8Array;
  /** In order; the first counts from the beginning. Never empty. */
  sizes: Resize[];
}

export interface SnapshotRequest extends SnapshotJob {
  id: number;
}

export interface SnapshotAnswer {
  id: number;
  screen: string;
}

export interface Snapshots {
  /**
   * Bytes that clear a terminal of the last size and redraw screen, modes and up to 1,000 lines above it. Never
   * fails: without the thread, it is the end of the output as it was.
   */
  take(job: SnapshotJob): Promise<Buffer>;
  /** Starts the thread ahead of the first job. */
  warm(): void;
  close(): Promise<void>;
}

interface Pending {
  done(screen: Buffer): void;
  plain: Buffer;
  deadline: NodeJS.Timeout;
}

interface State {
  worker: Worker | undefined;
  pending: Map<number, Pending>;
  nextId: number;
  deadlineMs: number;
  idleMs: number;
  idle: NodeJS.Timeout | undefined;
}

/** A reset (RIS), and what it leaves as it was. */
const CLEAR = '\x1bc\x1b[?25h\x1b[20l\x1b]104\x07\x1b]110\x07\x1b]111\x07\x1b]112\x07';
const PLAIN_BYTES = 65536;

export function createSnapshots({ deadlineMs = 10_000, idleMs = 30_000 } = {}): Snapshots {
  const state: State = {
    worker: undefined,
    pending: new Map(),
    nextId: 1,
    deadlineMs,
    idleMs,
    idle: undefined,
  };
  return {
    take: (job) => take(state, job),
    warm: () => void findWorker(state),
    close: async () => {
      const { worker } = state;
      giveUp(state);
      await worker?.terminate();
    },
  };
}

function take(state: State, job: SnapshotJob): Promise<Buffer> {
  const id = state.nextId++;
  const tail = job.output.subarray(-PLAIN_BYTES);
  const plain = Buffer.concat([Buffer.from(CLEAR + job.modes), tail]);
  if (job.output.length === 0) return Promise.resolve(plain);
  return new Promise((done) => {
    const deadline = setTimeout(() => giveUp(state), state.deadlineMs);
    state.pending.set(id, { done, plain, deadline });
    const request: SnapshotRequest = { ...job, id };
    findWorker(state).postMessage(request);
  });
}

// The thread costs some 30 MB, so it is there only while pages come and go.
function findWorker(state: State): Worker {
  clearTimeout(state.idle);
  state.idle = setTimeout(() => state.pending.size > 0 || giveUp(state), state.idleMs).unref();
  if (state.worker) return state.worker;
  const worker = new Worker(new URL('./snapshot-worker.ts', import.meta.url));
  worker.unref();
  const fail = () => state.worker === worker && giveUp(state);
  worker.on('message', ({ id, screen }: SnapshotAnswer) => finish(state, id, Buffer.from(CLEAR + screen)));
  worker.on('error', fail);
  worker.on('exit', fail);
  state.worker = worker;
  return worker;
}

function finish(state: State, id: number, screen?: Buffer): void {
  const pending = state.pending.get(id);
  if (!pending) return;
  state.pending.delete(id);
  clearTimeout(pending.deadline);
  pending.done(screen ?? pending.plain);
}

// The thread hangs or died: its jobs end plainly, the next one gets a new thread.
function giveUp(state: State): void {
  const { worker } = state;
  state.worker = undefined;
  clearTimeout(state.idle);
  void worker?.terminate();
  for (const id of state.pending.keys()) finish(state, id);
}
