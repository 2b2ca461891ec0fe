// What happened, in order, for whoever looks into it later. Nothing is decided by it but how often something was said.
import type { Executor } from '../../database/executor.ts';
import { events } from '../../database/schema.ts';

export async function append(
  tx: Executor,
  entity: string,
  gen: number,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  await tx.insert(events).values({ entity, gen, type, data });
}
