// What every container of this node finds below /opt/sam/programs, read-only: a Node with all that it is linked with, so that it runs
// in an image of whatever C library, or of none; and the programs that it runs there. Knows no container.
import { chmod, copyFile, link, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { HELPER } from '../../credentials/broker.ts';
import { DIAL } from './ports/door.ts';

const RELAY = join(import.meta.dirname, 'relay.ts');
const END_MARKED = join(import.meta.dirname, 'end-marked.ts');
/** The folder of programs, as containers see it. */
export const PROGRAMS = '/opt/sam/programs';
const FOLDER = 'inside';
export const INSIDE = `${PROGRAMS}/${FOLDER}`;

/** Words of commands in a container, up to their arguments. */
export interface Kit {
  /** Node itself. */
  node: string[];
  helper: string[];
  relay: string[];
  dial: string[];
  endMarked: string[];
}

/** A Node has 120 MB: it gets another name where that can be. */
const LARGE_BYTES = 32 << 20;
/** To read and to run it. */
const EVERYBODYS = 0o005;

/** No file beside it says what kind of modules these are: their endings do. */
const nameOf = (source: string): string =>
  `${basename(source, extname(source))}${extname(source) === '.ts' ? '.mts' : '.mjs'}`;

interface Report {
  sharedObjects: string[];
}

/** Files that this very program is made of: its own, and what the system links it with. */
function findLibraries(): string[] {
  const { sharedObjects } = process.report.getReport() as unknown as Report;
  return sharedObjects.filter((path) => path.startsWith('/') && !path.endsWith('.node'));
}

/** Undefined: this node has no program that would run in a container. */
export const findKit = (): Kit | undefined =>
  process.platform === 'linux' ? (known ??= makeKit()) : undefined;

let known: Kit | undefined;

function makeKit(): Kit {
  const loader = findLibraries().find((path) => /^ld[-.]/.test(basename(path)));
  // What is linked with nothing needs no loader.
  const load =
    loader === undefined ? [] : [`${INSIDE}/lib/${basename(loader)}`, '--library-path', `${INSIDE}/lib`];
  const node = [...load, `${INSIDE}/node`];
  const run = (source: string) => [...node, `${INSIDE}/${nameOf(source)}`];
  return { node, helper: run(HELPER), relay: run(RELAY), dial: run(DIAL), endMarked: run(END_MARKED) };
}

/** Below `folder`, which containers have mounted: each file is whole at every moment. Repeatable; what is there already stays. */
export async function layOutKit(folder: string): Promise<void> {
  const [inside, lib] = [join(folder, FOLDER), join(folder, FOLDER, 'lib')];
  await mkdir(lib, { recursive: true, mode: 0o755 });
  await put(process.execPath, join(inside, 'node'));
  for (const program of [HELPER, RELAY, DIAL, END_MARKED]) await put(program, join(inside, nameOf(program)));
  for (const library of findLibraries()) await put(library, join(lib, basename(library)));
}

async function put(source: string, target: string): Promise<void> {
  const [wanted, there] = await Promise.all([stat(source), stat(target).catch(() => undefined)]);
  // A copy's time is to the millisecond.
  if (there?.size === wanted.size && Math.abs(there.mtimeMs - wanted.mtimeMs) < 2) return;
  const made = `${target}.new`;
  await rm(made, { force: true });
  const isLinked = wanted.size > LARGE_BYTES && (wanted.mode & EVERYBODYS) === EVERYBODYS;
  if (!isLinked || !(await linkTo(source, made))) {
    await copyFile(source, made);
    await chmod(made, 0o755);
    await utimes(made, wanted.atime, wanted.mtime);
  }
  await rename(made, target);
}

/** False: it lies on another disk, or is somebody else's. */
const linkTo = (source: string, made: string): Promise<boolean> =>
  link(source, made).then(
    () => true,
    () => false,
  );
