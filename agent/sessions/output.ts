// What is kept of a session's output: the last bytes, what programs set before them, and the sizes it had. Knows no pty and no viewer.
import { createModes, noteModes, type Modes } from './modes.ts';
import { createRing, type Ring } from './ring.ts';
import type { Resize } from './snapshot.ts';

const RING_BYTES = 1 << 20;
const MAX_SIZES = 1000;

export interface Output {
  readonly ring: Ring;
  /** What the ring has forgotten and a snapshot needs. */
  readonly modes: Modes;
  /** By the offset at which each began; the first is that of the oldest byte held. Never empty. */
  readonly sizes: Resize[];
}

/** `at`: the offset of the first byte that will come; before it these modes were set. */
export function createOutput(sizes: Resize[], at = 0, modes = createModes()): Output {
  return { ring: createRing(RING_BYTES, (bytes) => noteModes(modes, bytes), at), modes, sizes };
}

/** From the end of the output on it has this size. */
export function noteSize({ ring, sizes }: Output, size: { cols: number; rows: number }): void {
  while (sizes[1] && (sizes[1].at <= ring.first || sizes.length >= MAX_SIZES)) sizes.shift();
  sizes.push({ at: ring.end, ...size });
}
