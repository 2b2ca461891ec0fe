// A pseudo-terminal through node-pty's documented interface, where its native module cannot be had directly. Slower,
// and bytes that lie in the kernel while it is paused are lost when the program ends.
import { createRequire } from 'node:module';
import type { Pty, PtyOptions } from './pty.ts';

// node-pty's types are of another module's name, and say strings where bytes go with `encoding: null`.
interface NodePty {
  spawn(file: string, args: string[], options: object): PublicPty;
}
interface PublicPty {
  pid: number;
  onData(listener: (bytes: Buffer) => void): void;
  onExit(listener: (status: { exitCode: number; signal?: number }) => void): void;
  pause(): void;
  resume(): void;
  resize(cols: number, rows: number): void;
  write(bytes: Buffer): void;
  destroy(): void;
}

/** As `openPty`, but for the defaults that it adds. */
export function openPublicPty({ onBytes, onEnd, file, args, ...options }: PtyOptions): Pty {
  const nodePty = createRequire(import.meta.url)('node-pty') as NodePty;
  const pty = nodePty.spawn(file, args, { ...options, encoding: null });
  let open = true;
  pty.onData((bytes) => onBytes(bytes, bytes.length));
  pty.onExit(({ exitCode, signal }) => {
    open = false;
    onEnd(signal ? { code: exitCode, signal } : { code: exitCode });
  });
  return {
    pid: pty.pid,
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    resize: (cols, rows) => open && pty.resize(cols, rows),
    write: (bytes) => {
      if (open) pty.write(bytes);
      return true;
    },
    close: () => open && pty.destroy(),
  };
}
