// How much of its node the containers of a workspace may take together with what else runs there. Pure but for one call.
import { availableParallelism, totalmem } from 'node:os';
import type { Limits } from '../../protocol.ts';
import type { WorkspaceSpec } from '../runtime.ts';
import type { Engine } from './engine.ts';

const GIB = 2 ** 30;
/** What is left to the agent and the system, whatever the size. */
const KEPT_BYTES = GIB / 2;

const SIZES: Record<NonNullable<WorkspaceSpec['size']>, { cpus: number; memory: number; pids: number }> = {
  small: { cpus: 2, memory: 4 * GIB, pids: 4_096 },
  medium: { cpus: 4, memory: 8 * GIB, pids: 8_192 },
  large: { cpus: 8, memory: 16 * GIB, pids: 16_384 },
};

interface Machine {
  cpus: number;
  memory: number;
}

const thisMachine = (): Machine => ({ cpus: availableParallelism(), memory: totalmem() });

/** What a container of that size may use. A node may be smaller than the size: then what it has. */
export function limitsOf(size: WorkspaceSpec['size'], machine: Machine = thisMachine()): Limits {
  const { memory, pids } = SIZES[size ?? 'large'];
  const most = Math.max(machine.memory - KEPT_BYTES, machine.memory / 2);
  return { memory: Math.floor(Math.min(memory, most)), processes: pids };
}

/** Options of `update`, and of `run`. */
export function limitOptions(size: WorkspaceSpec['size'], machine: Machine = thisMachine()): string[] {
  const { memory: bytes, processes: pids } = limitsOf(size, machine);
  const { cpus } = SIZES[size ?? 'large'];
  return [
    `--memory=${bytes}`,
    // The same: no swap beside it.
    `--memory-swap=${bytes}`,
    `--cpus=${Math.min(cpus, machine.cpus)}`,
    `--pids-limit=${pids}`,
  ];
}

/** False: the engine cannot hold it to that. */
export async function limit(engine: Engine, containers: string[], { size }: WorkspaceSpec): Promise<boolean> {
  if (containers.length === 0) return true;
  return (await engine.run(['update', ...limitOptions(size), ...containers])).code === 0;
}
