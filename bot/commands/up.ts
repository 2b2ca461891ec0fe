// The command that asks for a workspace.
import type { CommandSpec } from './command.ts';

export const upSpec = {
  name: 'up',
  aliases: ['create', 'new', 'workspace', 'ws', 'launch'],
  summary:
    'Makes a workspace for a repository, branch, pull request or issue, or shows the one that is there.',
  usage: 'up [target]',
  examples: ['up', 'up acme/api@fix-login --expiry 2d', 'up #412 --size large'],
  who: 'People who can write to the repository.',
  flags: {
    size: { kind: 'size', short: 's', summary: 'how big its node is' },
    name: { kind: 'name', summary: 'what to call it; names are unique among yours' },
    ref: { kind: 'ref', summary: 'the branch, tag or commit to check out' },
    expiry: { kind: 'duration', summary: 'keeps it at least so long, however idle' },
    node: { kind: 'text', summary: 'which of your nodes to put it on' },
    new: { kind: 'boolean', summary: 'makes another one though there is one already' },
    quiet: { kind: 'boolean', short: 'q', summary: 'shows the card to you alone' },
    'trust-fork': { kind: 'commit', summary: 'runs this commit of a fork; maintainers only' },
  },
  takes: 'target',
  common: true,
} satisfies CommandSpec;
