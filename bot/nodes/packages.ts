// Where agents bring coding agents from: the registry that whoever runs Sam names, else the one that npm itself uses here.
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 10_000;

/**
 * Asks npm now, so that no agent waits for it. What it gives resolves to undefined where nobody knows of one; who asks after that
 * asks npm again.
 */
export function createPackages(
  named: string | undefined,
  log: { warn(fields: object, message: string): void },
) {
  if (named !== undefined) return () => Promise.resolve(named);
  let asked: Promise<string | undefined> | undefined;
  const ask = () =>
    (asked ??= askNpm(log).then((found) => {
      if (found === undefined) asked = undefined;
      return found;
    }));
  void ask();
  return ask;
}

function askNpm(log: { warn(fields: object, message: string): void }): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  execFile('npm', ['config', 'get', 'registry'], { timeout: TIMEOUT_MS }, (error, stdout) => {
    const address = URL.parse(stdout.trim());
    const isUsable = !error && (address?.protocol === 'https:' || address?.protocol === 'http:');
    if (!isUsable)
      log.warn({}, 'npm names no registry: nodes bring no coding agent; NPM_REGISTRY says where one is');
    if (address) address.username = address.password = '';
    resolve(isUsable ? address.href.replace(/\/+$/, '') : undefined);
  });
  return promise;
}
