// What sessions last showed, on the disk: for people to read after the machine was restarted. Sealed, so that no copy of a file is read
// without the node's key. Knows no viewer.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createOutput, type Output } from './output.ts';
import { pushRing, readRing } from './ring.ts';

const DAY_MS = 24 * 3600_000;
/** After so long nobody reads it any more. */
const KEPT_MS = 7 * DAY_MS;
const CIPHER = 'aes-256-gcm';
const [IV_BYTES, TAG_BYTES, LENGTH_BYTES] = [12, 16, 4];
const SAFE = /^[\w-]{1,64}$/;

const heads = z.object({
  label: z.string(),
  first: z.number(),
  modes: z.object({ on: z.array(z.tuple([z.string(), z.string()])), style: z.string() }),
  sizes: z.array(z.object({ at: z.number(), cols: z.number(), rows: z.number() })).min(1),
});

export interface Left extends Output {
  label: string;
  /** When nobody reads it any more; ms since 1970. */
  until: number;
}

export interface Scrollback {
  /** Writes what came since the last time. */
  save: (id: string, label: string, output: Output) => Promise<void>;
  /** It ended, and whoever wanted to know does. Repeatable. */
  forget: (id: string) => Promise<void>;
  /** What is there, by session; what is old or cannot be read goes. */
  read: () => Promise<Map<string, Left>>;
}

/** `folder` is made when it is needed. */
export function createScrollback(folder: string): Scrollback {
  const saved = new Map<string, number>();
  const fileOf = (id: string) => {
    if (!SAFE.test(id)) throw new Error('that is no session');
    return join(folder, `${id}.sealed`);
  };
  return {
    async save(id, label, output) {
      const { end } = output.ring;
      if (saved.get(id) === end) return;
      saved.set(id, end);
      const whole = pack(label, output);
      const path = fileOf(id);
      try {
        await writeFile(`${path}.new`, seal(await findKey(folder), whole), { mode: 0o600 });
        await rename(`${path}.new`, path);
      } catch (error) {
        saved.delete(id);
        throw error;
      }
      if (!saved.has(id)) await rm(path, { force: true }); // it was forgotten meanwhile
    },
    async forget(id) {
      saved.delete(id);
      await rm(fileOf(id), { force: true });
    },
    read: () => read(folder),
  };
}

async function findKey(folder: string): Promise<Buffer> {
  const path = join(folder, 'key');
  const found = await readFile(path).catch(() => undefined);
  if (found?.length === 32) return found;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = randomBytes(32);
  await writeFile(path, key, { mode: 0o600 });
  return key;
}

function pack(label: string, { ring, modes, sizes }: Output): Buffer {
  const head = { label, first: ring.first, modes: { on: [...modes.on], style: modes.style }, sizes };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, readRing(ring, ring.first, ring.end)]);
}

/** Throws for what is broken. */
function unpack(whole: Buffer): Omit<Left, 'until'> {
  const length = whole.readUInt32LE(0);
  const text = whole.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + length);
  const { label, first, modes, sizes } = heads.parse(JSON.parse(text));
  const output = createOutput(sizes, first, {
    on: new Map(modes.on),
    style: modes.style,
    rest: Buffer.alloc(0),
  });
  const bytes = whole.subarray(LENGTH_BYTES + length);
  pushRing(output.ring, bytes, bytes.length);
  return { ...output, label };
}

function seal(key: Buffer, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv);
  const sealed = [cipher.update(plain), cipher.final()];
  return Buffer.concat([iv, cipher.getAuthTag(), ...sealed]);
}

function open(key: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES));
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}

async function read(folder: string): Promise<Map<string, Left>> {
  const left = new Map<string, Left>();
  const names = (await readdir(folder).catch(() => [])).filter((name) => name !== 'key');
  for (const name of names) {
    const path = join(folder, name);
    const id = name.replace(/\.sealed$/, '');
    try {
      // A clock that was ahead when it was written keeps it no longer.
      const until = Math.min((await stat(path)).mtimeMs, Date.now()) + KEPT_MS;
      if (id === name || Date.now() > until) throw new Error('nobody reads it any more');
      left.set(id, { ...unpack(open(await findKey(folder), await readFile(path))), until });
    } catch {
      await rm(path, { force: true });
    }
  }
  return left;
}
