// Claude Code in containers: the node's own, at the end of their PATH, for whichever C library an image has. Knows no session.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { CodingPrograms } from '../../coding/programs.ts';
import type { RuntimeOptions } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { INSIDE, PROGRAMS } from './kit.ts';

/** The end of a PATH there. */
export const BIN = `${INSIDE}/bin`;
/** In the environment of whoever waits until it is on the node, and knows that it is on its way. */
export const WAITS = 'SAM_WAITS';

/** A loader by its name alone says nothing: there are some that only pretend. */
const FIND_KIND = `kind=
for one in /lib/*-linux-gnu*/libc.so.6 /lib64/libc.so.6 /usr/lib64/libc.so.6 /usr/lib/libc.so.6; do [ -e "$one" ] && kind=glibc; done
for one in /lib/ld-musl-*.so.1; do [ -z "$kind" ] && [ -e "$one" ] && kind=musl; done`;

const START = `case $kind in glibc) file=$glibc failed=$glibc_failed ;; musl) file=$musl failed=$musl_failed ;; esac
[ -n "$file" ] || { echo 'Claude Code does not run in this image: it has no C library that it was made for.' >&2; exit 127; }
[ -x "$file" ] && exec "$file" "$@"
[ -n "$${WAITS}" ] || { echo 'Claude Code is not on this node yet. Open a Claude terminal: that brings it.' >&2; exit 127; }
echo 'Claude Code comes to this node for the first time: about 190 MB, once.'
while [ ! -x "$file" ] && [ ! -s "$failed" ]; do sleep 0.3; done
[ -x "$file" ] && exec "$file" "$@"
echo 'It could not be brought here:' && cat -- "$failed"
echo 'Open this again in a minute.'
exit 1`;

type Coding = Pick<RuntimeOptions, 'programs' | 'muslPrograms'>;

/** Below `folder`, as containers see it. Where nobody has said yet where it comes from, what lies there stays. */
export async function layOutClaude(folder: string, { programs, muslPrograms }: Coding): Promise<void> {
  const variables = [...variablesOf('glibc', folder, programs), ...variablesOf('musl', folder, muslPrograms)];
  if (variables.length === 0) return;
  const bin = join(folder, relative(PROGRAMS, BIN));
  await mkdir(bin, { recursive: true, mode: 0o755 });
  const made = join(bin, '.claude');
  await writeFile(made, ['#!/bin/sh', 'file= failed=', ...variables, FIND_KIND, START, ''].join('\n'), {
    mode: 0o755,
  });
  await rename(made, join(bin, 'claude'));
}

function variablesOf(kind: string, folder: string, programs: CodingPrograms | undefined): string[] {
  const found = programs?.claude();
  if (!found) return [];
  const inside = (path: string) => join(PROGRAMS, relative(folder, path));
  return [`${kind}='${inside(found.file)}' ${kind}_failed='${inside(found.failure)}'`];
}

/** Goes and gets the one that this container needs, unless it is there. */
export async function bringClaude(
  engine: Engine,
  container: string,
  { programs, muslPrograms }: Coding,
): Promise<void> {
  await { glibc: programs, musl: muslPrograms }[await findKind(engine, container)]?.bring();
}

/** Of its C library; something else: it has neither, or does not run. */
export async function findKind(engine: Engine, container: string): Promise<string> {
  const script = `${FIND_KIND}\necho "$kind"`;
  const { stdout } = await engine.run(['exec', container, '/bin/sh', '-c', script]);
  return stdout.trim();
}
