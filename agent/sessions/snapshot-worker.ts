// The thread that turns output into screens. Runs beside the agent; must not know sessions or viewers.
import { parentPort } from 'node:worker_threads';
import headless from '@xterm/headless';
import { useWidths } from '../widths.ts';
import type { Terminal } from './inside.ts';
import { watchScreen } from './screen.ts';
import { skipAhead } from './sequences.ts';
import type { SnapshotAnswer, SnapshotRequest } from './snapshot.ts';

const SCROLLBACK_LINES = 1000;
const SLICE_BYTES = 65536;

parentPort?.on('message', (request: SnapshotRequest) => void answer(request));

async function answer(request: SnapshotRequest): Promise<void> {
  const reply: SnapshotAnswer = { id: request.id, screen: await draw(request) };
  parentPort?.postMessage(reply);
}

async function draw({ modes: before, from, output, sizes }: SnapshotRequest): Promise<string> {
  const [size = { cols: 80, rows: 24 }] = sizes;
  const { cols, rows } = size;
  const terminal = new headless.Terminal({
    cols,
    rows,
    scrollback: SCROLLBACK_LINES,
    allowProposedApi: true,
  });
  useWidths(terminal);
  const drawScreen = watchScreen(terminal);
  const lines = SCROLLBACK_LINES + 2 * Math.max(...sizes.map((one) => one.rows));
  const { start, modes } = skipAhead(
    Buffer.from(output.buffer, output.byteOffset, output.length),
    before,
    lines,
  );
  await write(terminal, modes);
  await replay(terminal, { from: from + start, output: output.subarray(start), sizes });
  const screen = drawScreen();
  terminal.dispose();
  return screen;
}

async function replay(
  terminal: Terminal,
  { from, output, sizes }: Pick<SnapshotRequest, 'from' | 'output' | 'sizes'>,
): Promise<void> {
  for (const [i, { cols, rows }] of sizes.entries()) {
    const start = i === 0 ? 0 : Math.max(0, (sizes[i]?.at ?? 0) - from);
    const end = Math.max(0, (sizes[i + 1]?.at ?? Infinity) - from);
    terminal.resize(cols, rows);
    for (let at = start; at < Math.min(end, output.length); at += SLICE_BYTES) {
      await write(terminal, output.subarray(at, Math.min(at + SLICE_BYTES, end)));
    }
  }
}

function write(terminal: Terminal, data: string | Uint8Array): Promise<void> {
  return new Promise((done) => terminal.write(data, done));
}
