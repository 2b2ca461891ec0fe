// What a test needs of the machine: where it is missing the test is left out, and that is said. Under CI nothing is left out.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const said = new Set<string>();

/** For `skipIf`. `missing`: why it cannot run here, with the next step; undefined or false: it can. */
export function isLeftOut(what: string, missing: string | boolean | undefined): boolean {
  if (missing === undefined || missing === false || process.env['CI']) return false;
  if (!said.has(what)) process.stderr.write(`skipped: ${what}${missing === true ? '' : ` (${missing})`}\n`);
  said.add(what);
  return true;
}

/** For `isLeftOut`: which of these programs are missing, and the Debian packages that bring them. */
export function findMissing(programs: string[], packages: string): string | undefined {
  const missing = programs.filter((name) => !isThere(name));
  return missing.length === 0 ? undefined : `missing: ${missing.join(', ')} (apt-get install ${packages})`;
}

function isThere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
