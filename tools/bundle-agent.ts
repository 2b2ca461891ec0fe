// The agent's programs, each in one file without types or packages. Knows no archive and no processor.
import { basename, join, relative } from 'node:path';
import { readFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/**
 * Everything that starts as a program or a thread of its own. In the artifact they lie side by side, as `<name>.js`; whoever
 * starts one names its file in quotes (`'./snapshot-worker.ts'`), and that name is rewritten here.
 */
export const ENTRIES = [
  'agent/main.ts',
  'agent/sessions/snapshot-worker.ts',
  'agent/holder/holder.ts',
  'agent/credentials/helper.ts',
  'agent/runtimes/devcontainer/relay.ts',
  'agent/runtimes/devcontainer/ports/dial.ts',
  'agent/runtimes/devcontainer/end-marked.ts',
];

export interface Bundle {
  /** By name: `main.js`. */
  files: Map<string, Buffer>;
  /** The packages that are in it, by name. */
  packages: string[];
}

/** The same sources give the same bytes, wherever they lie. */
export async function bundleAgent(entries = ENTRIES): Promise<Bundle> {
  const named = new Set<string>();
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries.map((entry) => [basename(entry, '.ts'), entry])),
    bundle: true,
    write: false,
    outdir: 'lib',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    metafile: true,
    legalComments: 'none',
    logLevel: 'error',
    plugins: [renameEntries(entries, named)],
    // Packages in CommonJS ask for node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
    },
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
  for (const [file, contents] of files) refuseUnknown(file, contents);
  const [, ...others] = entries;
  const forgotten = others.filter((entry) => !named.has(entry));
  if (forgotten.length > 0) throw new Error(`nothing in agent/ starts ${forgotten.join(', ')}`);
  return { files, packages: packagesOf(Object.keys(metafile.inputs)) };
}

/** A source's name that is left in a bundle is one that is started, and would not be there. */
function refuseUnknown(file: string, contents: Buffer): void {
  const [, name] = /["'`](?:\.\/)?([\w-]+\.ts)["'`]/.exec(contents.toString()) ?? [];
  if (name !== undefined) throw new Error(`${file}: ${name} is started, and not in ENTRIES`);
}

function renameEntries(entries: string[], named: Set<string>): Plugin {
  return {
    name: 'entries',
    setup(bundler) {
      bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, 'utf8');
        if (relative(ROOT, path).startsWith('agent/')) {
          for (const entry of entries) {
            const name = basename(entry, '.ts');
            const renamed = contents.replaceAll(new RegExp(`(?<=['/])${name}\\.ts'`, 'g'), `${name}.js'`);
            if (renamed !== contents) named.add(entry);
            contents = renamed;
          }
        }
        return { contents, loader: 'ts' };
      });
    },
  };
}

function packagesOf(inputs: string[]): string[] {
  const names = inputs.map(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1],
  );
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}
