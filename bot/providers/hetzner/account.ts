// Whether the project behind the token is the one where our machines are. Knows no rows.
import type { Operation } from './calls.ts';
import { fault } from './errors.ts';
import type { Firewall } from './firewall.ts';
import { listServers, type ServerOptions } from './servers.ts';

/** The firewall cannot be deleted while a server has it: where neither is, our machines never were, or all of it was deleted. */
export async function proveAccount(
  options: ServerOptions & { firewall: Firewall },
  operation: Operation,
  names: string[],
): Promise<void> {
  if (await options.firewall.isThere(operation)) return;
  if ((await listServers(options, operation)).length > 0) return;
  const [first = 'NAME'] = names;
  throw fault(
    operation.name,
    { retryable: false },
    `in the project of HCLOUD_TOKEN there is nothing of this installation: neither ${listed(names)} nor its firewall. ` +
      'If it is the token of another project, put that of the old one back: what is there is paid for until it is deleted. ' +
      `If all of it was deleted by hand, say so at the console of Sam, for each: \`node rm ${first} --gone\`.`,
  );
}

const MAX_NAMED = 5;

const listed = (names: string[]): string =>
  names.length > MAX_NAMED
    ? `${names.slice(0, MAX_NAMED).join(', ')} and ${names.length - MAX_NAMED} more`
    : names.join(', ');
