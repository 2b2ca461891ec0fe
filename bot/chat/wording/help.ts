// Writes help from the table. Every command stands in a code span and no line is one alone: help is no command.
import { findCommand, isOffered, type CommandSpec, type FrontTraits } from '../../commands/command.ts';
import { formatFlagUsage, formatUsage } from '../../commands/parser/format.ts';
import type { Say } from './words.ts';

/** What people can say, and to which front. */
export interface Offer {
  commands: readonly CommandSpec[];
  traits: FrontTraits;
}

/** On one command, or what a front offers: the common commands with a sentence, the others by name. */
export function renderHelp({ commands, traits }: Offer, say: Say, topic?: string): string {
  const spec = topic === undefined ? undefined : findCommand(commands, topic);
  if (spec) return renderCommandHelp(spec, say);
  const offered = commands.filter((one) => isOffered(one, traits));
  const others = offered.filter(({ common }) => !common).map(({ name }) => `\`${name}\``);
  return [
    'I make cloud workspaces from a chat. What you can say:',
    ...offered
      .filter(({ common }) => common)
      .map(({ usage, summary }) => `- ${say(usage)}: ${lowerFirst(summary)}`),
    ...(others.length === 0 ? [] : [`- Also: ${others.join(', ')}.`]),
    `${TARGETS[traits.about]} More about a command: ${say(`help ${offered[0]?.name ?? 'help'}`)}.`,
    ...(traits.isOperator ? ['Ctrl-C ends Sam, and workspaces go on.'] : []),
  ].join('\n');
}

const NAMED = '`owner/name`, `owner/name@branch`';

/** What may stand for `[target]`, and what is meant without one. */
const TARGETS: Record<FrontTraits['about'], string> = {
  workspace: `A target is a repository (a folder like \`.\`, ${NAMED} or an address) or a workspace's name; without one I take your only workspace.`,
  topic: `A target is ${NAMED}, \`#412\` or a workspace's name; without one I take this pull request or issue.`,
  channel: `A target is ${NAMED}, \`owner/name#412\` or a workspace's name; without one I take what this thread or channel is about.`,
  nothing: `A target is ${NAMED}, \`owner/name#412\` or a workspace's name.`,
};

/** One in full: description, usage, flags, examples, who may say it. */
export function renderCommandHelp(spec: CommandSpec, say: Say): string {
  const { name, aliases, summary, flags, examples, who } = spec;
  const flagLines = Object.entries(flags).map(([flag, { short, summary: does, ...rest }]) => {
    const written = `\`${formatFlagUsage(flag, { ...rest, summary: does })}\``;
    return `- ${written}${short ? ` or \`-${short}\`` : ''}: ${does}.`;
  });
  return [
    `${say(name)}: ${lowerFirst(summary)}`,
    `Usage: ${say(formatUsage(spec))}`,
    ...(aliases.length === 0 ? [] : [`Other names: ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`]),
    ...flagLines,
    `Examples: ${examples.map(say).join(', ')}.`,
    `Who: ${lowerFirst(who)}`,
  ].join('\n');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
