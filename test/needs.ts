// What a test needs of the machine: where it is missing the test is left out, and that is said. Under CI nothing is left out.
const said = new Set<string>();

/** For `skipIf`. `missing`: why it cannot run here, with the next step; undefined or false: it can. */
export function isLeftOut(what: string, missing: string | boolean | undefined): boolean {
  if (missing === undefined || missing === false || process.env['CI']) return false;
  if (!said.has(what)) process.stderr.write(`skipped: ${what}${missing === true ? '' : ` (${missing})`}\n`);
  said.add(what);
  return true;
}
