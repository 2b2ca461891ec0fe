// The command that keeps a workspace running though nobody types.
import type { CommandSpec } from './command.ts';
import { UserError } from '../errors.ts';
import { keptUntil, LONGEST_MS } from '../workspaces/expiry.ts';
import { findTarget } from './find.ts';
import type { Command } from './context.ts';
import { wish } from './change.ts';

export const extendSpec = {
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
} satisfies CommandSpec;

const DEFAULT = { ms: 4 * 3_600_000 };

export const extend: Command = {
  ...extendSpec,
  async run(command, scene) {
    const workspace = await findTarget(command, scene);
    if (scene.limits.idleTimeoutMs === 0 && workspace.idleTimeMs === null)
      throw new UserError(
        'never-idle',
        `Workspaces here never stop by themselves (\`IDLE_TIMEOUT=0\`), so there is nothing to extend. When you are done: ${scene.say(`stop ${workspace.name}`)}.`,
      );
    const wanted = command.flags['max'] === true ? { ms: LONGEST_MS } : (command.value ?? DEFAULT);
    const until = keptUntil(wanted, scene.now) ?? scene.now;
    const isCut = typeof wanted === 'object' && 'ms' in wanted && wanted.ms > LONGEST_MS;
    const text = `\`${workspace.name}\` stays until ${until.toISOString().slice(0, 16).replace('T', ' ')} UTC at least, however idle.${isCut ? ' That is a week, the most that can be said at once.' : ''}`;
    return wish(workspace, command, scene, {
      desired: null,
      patch: { keptUntil: until, deleteAt: null, notice: null },
      text,
    });
  },
};
