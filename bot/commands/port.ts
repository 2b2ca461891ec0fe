// The command that gives the address of what listens in a workspace, shares it and closes it.
import type { AnswerCodes } from '../codes.ts';
import type { Port, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { dropPortSessions, findSaid, savePort } from '../ports/ports-store.ts';
import { can } from '../workspaces/workspace.ts';
import type { Command, CommandContext, Outcome } from './context.ts';
import { lineOf, readLines, type AddressOf } from './port-lines.ts';
import { findTarget } from './target.ts';

export const port = {
  name: 'port',
  aliases: ['ports', 'preview'],
  summary: 'Gives the address of what listens on a port of a workspace, for you alone or to share.',
  usage: 'port [NUMBER] [target]',
  examples: ['port 3000', 'port 3000 --share', 'port api-412 8080 --close', 'port'],
  who: "The workspace's owner; what is shared opens for those who may read the repository, signed in.",
  flags: {
    share: {
      kind: 'boolean',
      summary: 'it opens too for those who may read the repository, until the workspace stops',
      excludes: 'private',
    },
    private: { kind: 'boolean', summary: 'it opens for nobody else any more', excludes: 'close' },
    close: { kind: 'boolean', summary: 'it opens for nobody, until you ask for it again', excludes: 'share' },
  },
  takes: 'target port',
  needsWrite: true,
  async run(command, context) {
    const workspace = await findTarget(command, context);
    const address = context.portAddress;
    if (!address) throw new UserError('no-ports-domain', {});
    const { flags, port: number } = command;
    if (number === undefined) return list(workspace, context, address);
    const name = { workspace: workspace.id, port: number };
    if (flags['close'] === true) {
      await savePort(context.tx, name, { sharedAccess: null, isClosed: true });
      await dropPortSessions(context.tx, name);
      return answer(workspace, { code: 'port-closed', details: { name: workspace.name, port: number } });
    }
    if (!can.open(workspace)) throw notRunning(workspace);
    const said = await say(workspace, number, flags, context);
    const details = { name: workspace.name, ...lineOf(workspace, number, said, address) };
    return answer(workspace, { code: 'port', details });
  },
} satisfies Command;

type Words = { [Code in 'port' | 'port-closed' | 'port-list']: { code: Code; details: AnswerCodes[Code] } };

const answer = ({ id }: Workspace, said: Words[keyof Words]): Outcome => ({
  answer: { ok: true, ...said, ...(said.code === 'port' && { workspace: id }) },
});

/** What is not asked for stays as it is; what was closed opens. */
async function say(
  workspace: Workspace,
  number: number,
  flags: Record<string, unknown>,
  { tx }: CommandContext,
): Promise<Pick<Port, 'sharedAccess' | 'isClosed'>> {
  const name = { workspace: workspace.id, port: number };
  const before = await findSaid(tx, name);
  const isShared = before?.sharedAccess === workspace.access && !before.isClosed;
  const wanted = flags['share'] === true || (isShared && flags['private'] !== true);
  const said = { sharedAccess: wanted ? workspace.access : null, isClosed: false };
  await savePort(tx, name, said);
  return said;
}

async function list(workspace: Workspace, { tx }: CommandContext, address: AddressOf): Promise<Outcome> {
  const ports = await readLines(tx, workspace, address);
  return answer(workspace, { code: 'port-list', details: { name: workspace.name, ports } });
}

function notRunning({ name, phase, desired }: Workspace): UserError {
  const next = phase === 'failed' ? 'retry' : desired === 'stopped' ? 'start' : 'status';
  return new UserError('not-running', { name, phase, next });
}
