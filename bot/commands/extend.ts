// The command that keeps a workspace running though nobody types.
import { UserError } from '../errors.ts';
import { keptUntil, MAX_KEPT_MS } from '../workspaces/expiry.ts';
import { findTarget } from './target.ts';
import type { Command } from './context.ts';
import { change } from './change.ts';

const DEFAULT = { ms: 4 * 3_600_000 };

export const extend = {
  name: 'extend',
  aliases: ['keep', 'bump'],
  summary: 'Keeps a workspace from stopping by itself, for a while or until a time of day.',
  usage: 'extend [target] [4h]',
  examples: ['extend 4h', 'extend api-412 until 18:40 UTC', 'extend --max'],
  who: "The workspace's owner.",
  flags: {
    max: { kind: 'boolean', summary: 'as long as is allowed: a week' },
  },
  takes: 'target duration',
  common: true,
  needsWrite: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    // One that is stopped is kept from being deleted.
    const mayExpire = context.limits.idleTimeoutMs > 0 || workspace.idleTimeMs !== null;
    if (!mayExpire && workspace.desired !== 'stopped')
      throw new UserError('never-idle', { name: workspace.name });
    const wanted = command.flags['max'] === true ? { ms: MAX_KEPT_MS } : (command.value ?? DEFAULT);
    const until = keptUntil(wanted, context.now) ?? context.now;
    const isCut = typeof wanted === 'object' && 'ms' in wanted && wanted.ms > MAX_KEPT_MS;
    const details = { name: workspace.name, until: until.toISOString(), isCut };
    return change(workspace, command, context, {
      desired: null,
      patch: { keptUntil: until, deleteAt: null, notice: null },
      said: { code: 'kept', details },
    });
  },
} satisfies Command;
