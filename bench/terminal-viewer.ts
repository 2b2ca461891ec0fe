// One terminal as the bench sees it, of whichever server: what is typed, and what came, parsed as fast as it is told. Measures nothing.

export interface Viewer {
  type: (text: string) => void;
  /** Bytes a second, as a browser parses; without one everything at once. */
  rate: number | undefined;
  /** Of what came and is parsed, in order. */
  onParsed: ((bytes: Buffer) => void) | undefined;
  /** What came and is not parsed, in bytes; and the most that this was. */
  readonly queued: number;
  peak: number;
}

export interface Server {
  type: (text: string) => void;
  /** So much is parsed in all, and so much waits. */
  note: (parsed: number, queued: number) => void;
}

const STEP_MS = 4;

/** `take` is for the bytes of its output. */
export function createViewer(server: Server): Viewer & { take: (bytes: Buffer) => void } {
  const queue: Buffer[] = [];
  let [parsed, queued, at] = [0, 0, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const parse = (bytes: Buffer) => {
    parsed += bytes.length;
    viewer.onParsed?.(bytes);
  };
  const step = () => {
    const now = performance.now();
    let room = viewer.rate === undefined ? Infinity : Math.ceil((viewer.rate / 1_000) * (now - at));
    at = now;
    for (let [next] = queue; next && room > 0; [next] = queue) {
      const piece = next.subarray(0, room);
      if (piece.length === next.length) queue.shift();
      else queue[0] = next.subarray(piece.length);
      room -= piece.length;
      queued -= piece.length;
      parse(piece);
    }
    server.note(parsed, queued);
    timer = queue.length > 0 ? setTimeout(step, STEP_MS) : undefined;
  };
  const viewer = {
    type: server.type,
    rate: undefined as number | undefined,
    onParsed: undefined as Viewer['onParsed'],
    peak: 0,
    get queued() {
      return queued;
    },
    take(bytes: Buffer) {
      if (viewer.rate === undefined && queue.length === 0) {
        parse(bytes);
        return server.note(parsed, 0);
      }
      queue.push(Buffer.from(bytes));
      queued += bytes.length;
      viewer.peak = Math.max(viewer.peak, queued);
      server.note(parsed, queued);
      if (timer) return;
      at = performance.now();
      timer = setTimeout(step, STEP_MS);
    },
  };
  return viewer;
}

/** Until this has been parsed, from now on. Call it before what brings it. */
export function parses(viewer: Viewer, text: string): Promise<void> {
  const wanted = Buffer.from(text);
  let tail = Buffer.alloc(0);
  return new Promise((resolve) => {
    viewer.onParsed = (bytes) => {
      const seen = Buffer.concat([tail, bytes]);
      if (seen.includes(wanted)) {
        viewer.onParsed = undefined;
        return resolve();
      }
      tail = Buffer.from(seen.subarray(Math.max(0, seen.length - wanted.length + 1)));
    };
  });
}
