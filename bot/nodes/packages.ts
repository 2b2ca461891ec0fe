// Where agents bring coding agents from: the registry that whoever runs Sam names, else the one that npm itself uses here.
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 10_000;

/** Asks npm once, when the first agent is there. What it gives resolves to undefined where nobody knows of one. */
export function createPackages(
  named: string | undefined,
  log: { warn(fields: object, message: string): void },
) {
  let asked: Promise<string | undefined> | undefined;
  return (): Promise<string | undefined> =>
    (asked ??= named === undefined ? askNpm(log) : Promise.resolve(named));
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
