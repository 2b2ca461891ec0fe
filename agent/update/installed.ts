// Whether this agent runs from an artifact, and from which. Knows no bot.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** An artifact on disk: `root/agent-<version>`, with the link `root/agent` to the one that is to run. */
export interface Installed {
  version: string;
  /** Absolute, with all links followed. */
  folder: string;
  root: string;
}

/** Of the sources; an artifact says its own. */
export const VERSION = '0.1.0';

/** What the start script says; undefined when the agent runs from its sources. */
export function findInstalled(env: NodeJS.ProcessEnv): Installed | undefined {
  const folder = env['SAM_PACKAGE'];
  if (!folder) return undefined;
  const version = readFileSync(join(folder, 'VERSION'), 'utf8').trim();
  return { version, folder, root: dirname(folder) };
}

/** The folder of the version before this one; empty: there was none, or the agent runs from its sources. */
export function findPrevious(installed: Installed | undefined): string {
  try {
    return installed ? readFileSync(join(installed.folder, '.previous'), 'utf8').trim() : '';
  } catch {
    return '';
  }
}

export const folderName = ({ folder }: Installed): string => basename(folder);
