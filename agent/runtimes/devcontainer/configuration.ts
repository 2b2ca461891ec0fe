// Which of a checkout's configurations describes its container, what is read of it, and whether it has changed. Runs nothing.
import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import JSON5 from 'json5';
import { z } from 'zod';
import { WorkspaceError } from '../../failure.ts';
import { codeOf } from '../../system/files.ts';

const FOLDER = '.devcontainer';
const FILE = 'devcontainer.json';
/** Of a Dockerfile's surroundings; beyond that a change goes unseen. */
const MAX_FILES = 2_000;
const MAX_FILE_BYTES = 1 << 20;

export interface Configuration {
  /** What `--config` takes. */
  name: string;
  /** As seen from the checkout. */
  path: string;
}

/** Where the specification lets one stand, in its order; those in folders by name. */
export async function findConfigurations(checkout: string): Promise<Configuration[]> {
  const below = await listFolders(join(checkout, FOLDER));
  const all = [
    { name: 'default', path: `${FOLDER}/${FILE}` },
    { name: 'default', path: `.${FILE}` },
    ...below.map((name) => ({ name, path: `${FOLDER}/${name}/${FILE}` })),
  ];
  const there = await Promise.all(
    all.map(async (one) => ((await isFile(join(checkout, one.path))) ? [one] : [])),
  );
  return there.flat();
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false;

/**
 * The one that is `wanted`, by name or path; else the one that it was before; else the first. Undefined: there is none.
 * Throws `WorkspaceError` for one that was named and is not there.
 */
export function chooseConfiguration(
  all: Configuration[],
  wanted: string | undefined,
  before: string | undefined,
): Configuration | undefined {
  if (wanted === undefined) return all.find(({ path }) => path === before) ?? all[0];
  const found = all.find(({ name, path }) => wanted === name || wanted === path);
  if (found !== undefined) return found;
  const choices = all.map(({ name }) => name).join(', ');
  throw new WorkspaceError({
    class: 'configuration',
    code: 'no-devcontainer',
    details: { what: wanted, choices },
  });
}

const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const shape = z.looseObject({
  image: z.string().exactOptional(),
  dockerFile: z.string().exactOptional(),
  build: z.looseObject({ dockerfile: z.string().exactOptional() }).exactOptional(),
  dockerComposeFile: oneOrMore.exactOptional(),
  initializeCommand: z.unknown().exactOptional(),
  runArgs: z.array(z.string()).exactOptional(),
});

export interface Description {
  path: string;
  /** Everything that it says. */
  content: Record<string, unknown>;
  /** What it is made from, as the configuration names it. */
  files: string[];
}

/** Throws `WorkspaceError` for what nobody could read, and for files that it names and that are not there. */
export async function readConfiguration(checkout: string, { path }: Configuration): Promise<Description> {
  const text = await readInside(checkout, path);
  const content = parse(path, text);
  const { dockerFile, build, dockerComposeFile = [], runArgs = [] } = content;
  // Under another label nobody would find it again, and nothing would stop it.
  if (runArgs.some((argument, index) => isOwnLabel(argument, runArgs[index - 1])))
    throw broken(path, 'runArgs sets a label that is Sam’s own');
  const dockerfile = build?.dockerfile ?? dockerFile;
  const files = [...(dockerfile === undefined ? [] : [dockerfile]), ...dockerComposeFile];
  for (const file of files)
    if (!file.includes('${') && !(await isFile(resolve(checkout, dirname(path), file))))
      throw new WorkspaceError({
        class: 'configuration',
        code: 'devcontainer-file-missing',
        details: { path, file },
      });
  return { path, content, files };
}

/** `--label sam.x=1`, `--label=sam.x=1`, `-l sam.x=1`, `-lsam.x=1`; of flags in one word `l` is the last. */
const isOwnLabel = (argument: string, before = ''): boolean =>
  /^(--label=|-\w*?l=?)sam\./.test(argument) ||
  (argument.startsWith('sam.') && /^(--label|-\w*l)$/.test(before));

async function readInside(checkout: string, path: string): Promise<string> {
  const root = await realpath(checkout);
  const whole = await realpath(join(checkout, path)).catch(() => '');
  const found = whole.startsWith(root + sep) ? await stat(whole) : undefined;
  if (found === undefined || !found.isFile() || found.size > MAX_FILE_BYTES)
    throw broken(path, 'it is not a small file of the repository');
  return readFile(whole, 'utf8');
}

function parse(path: string, text: string): z.infer<typeof shape> {
  let content: unknown;
  try {
    content = JSON5.parse(text);
  } catch (error) {
    throw broken(path, error instanceof Error ? error.message.replace(/^JSON5: /, '') : 'it cannot be read');
  }
  const read = shape.safeParse(content);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw broken(path, `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'not as it must be'}`);
}

const broken = (path: string, said: string): WorkspaceError =>
  new WorkspaceError({ class: 'configuration', code: 'devcontainer-broken', details: { path, said } });

/** What a container was made from: another one means that it would be made otherwise today. */
export async function fingerprint(checkout: string, { path, files }: Description): Promise<string> {
  const hash = createHash('sha256');
  const folder = dirname(path);
  // What lies beside it is what a Dockerfile copies, and features of the repository's own.
  const beside = folder === '.' ? [path] : await listTree(join(checkout, folder));
  const named = files.map((file) => resolve(checkout, folder, file));
  const all = new Set([
    ...beside.map((file) => resolve(checkout, folder === '.' ? '.' : folder, file)),
    ...named,
  ]);
  for (const file of [...all].toSorted()) await addFile(hash, relative(checkout, file), file);
  return hash.digest('hex').slice(0, 32);
}

async function listTree(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
    .slice(0, MAX_FILES);
}

async function addFile(hash: Hash, name: string, path: string): Promise<void> {
  try {
    const { size, mode } = await stat(path);
    hash.update(`${name}\0${size}\0${mode & 0o111}\0`);
    if (size <= MAX_FILE_BYTES) hash.update(await readFile(path));
  } catch (error) {
    if (!['ENOENT', 'EACCES', 'EISDIR'].includes(codeOf(error) ?? '')) throw error;
  }
}
