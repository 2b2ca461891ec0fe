// A tar archive whose bytes depend on names, modes and contents alone: no times, no owners. Knows no gzip and no disk.

export interface Entry {
  /** Relative, with `/`; 255 bytes at most, cut at a `/` into 155 and 100. */
  path: string;
  isExecutable: boolean;
  content: Buffer;
}

const BLOCK = 512;

/** POSIX ustar, entries sorted by path, each folder before what lies in it. */
export function tar(entries: Entry[]): Buffer {
  const sorted = entries.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  const folders = new Set<string>();
  const parts: Buffer[] = [];
  for (const { path, isExecutable, content } of sorted) {
    for (const folder of foldersOf(path)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      parts.push(head(`${folder}/`, 0o755, 0, '5'));
    }
    parts.push(head(path, isExecutable ? 0o755 : 0o644, content.length, '0'), content);
    parts.push(Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** `a`, `a/b` of `a/b/c`. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Fields of https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (ustar); numbers are octal text. */
function head(path: string, mode: number, size: number, type: '0' | '5'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, name] = split(path);
  block.write(name, 0);
  writeNumber(block, mode, 100, 8);
  writeNumber(block, 0, 108, 8); // uid
  writeNumber(block, 0, 116, 8); // gid
  writeNumber(block, size, 124, 12);
  writeNumber(block, 0, 136, 12); // mtime
  block.write(type, 156);
  block.write('ustar\0' + '00', 257, 'latin1');
  block.write('root', 265);
  block.write('root', 297);
  block.write(prefix, 345);
  // The sum counts its own field as spaces.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function writeNumber(block: Buffer, value: number, at: number, width: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
}

function split(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw new Error(`tar: this name is too long: ${path}`);
}
