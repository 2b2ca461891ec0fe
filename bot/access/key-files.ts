// Secrets that nobody configured: made once, kept in a folder that only we read. Knows not what they are for.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The content of `folder/name`, made by `make` when there is none. Two bots that start together keep the same one:
 * the file appears whole or not at all, and never twice.
 */
export async function keepSecret(folder: string, name: string, make: () => string): Promise<string> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = await findFile(path);
  if (kept !== undefined) return kept;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDurably(draft, make());
    await link(draft, path).catch(unlessThere);
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}

async function findFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** A new Ed25519 key as PKCS #8 in PEM. */
export const makeSigningKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** 32 random bytes, base64. */
export const makeEncryptionKey = (): string => randomBytes(32).toString('base64');
