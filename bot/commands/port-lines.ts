// What an owner is told of a workspace's ports: what listens, and what was said of each. Reads rows, writes none.
import type { PortLine } from '../codes.ts';
import type { Executor, Port, Workspace } from '../database/types.ts';
import { findSaid, listPorts } from '../ports/ports-store.ts';
import type { CommandContext } from './context.ts';

export type AddressOf = NonNullable<CommandContext['portAddress']>;

type Said = Pick<Port, 'sharedAccess' | 'isClosed'>;

/** Those that something listens on now, and those that something was said of, by their number. */
export async function readLines(db: Executor, workspace: Workspace, address: AddressOf): Promise<PortLine[]> {
  const said = new Map((await listPorts(db, workspace)).map((one) => [one.port, one]));
  const listening = workspace.phase === 'running' ? (workspace.reported?.ports ?? []) : [];
  const numbers = [...new Set([...listening, ...said.keys()])].toSorted((a, b) => a - b);
  return numbers.map((number) => lineOf(workspace, number, said.get(number), address));
}

/** One of them, whatever is known of it. */
export const readLine = async (
  db: Executor,
  workspace: Workspace,
  number: number,
  address: AddressOf,
): Promise<PortLine> =>
  lineOf(workspace, number, await findSaid(db, { workspace: workspace.id, port: number }), address);

export function lineOf(
  { id, access, phase, reported }: Workspace,
  number: number,
  said: Said | undefined,
  address: AddressOf,
): PortLine {
  return {
    port: number,
    address: `${address({ workspace: id, port: number })}/`,
    state: said?.isClosed === true ? 'closed' : said?.sharedAccess === access ? 'shared' : 'private',
    listens: phase === 'running' && (reported?.ports?.includes(number) ?? false),
  };
}
