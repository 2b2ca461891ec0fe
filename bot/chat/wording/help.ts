// Writes help from the table. Every command stands in a code span and no line is one alone: help is no command.
import { isOffered, type CommandSpec, type Front } from '../../commands/command.ts';
import { formatFlagUsage, formatUsage } from '../../commands/parser/format.ts';
import type { Say } from './words.ts';

/** The commands a front offers: the common ones with a sentence, the others by name. */
export function renderHelp(
  commands: readonly CommandSpec[],
  { front, say }: { front: Front; say: Say },
): string {
  const offered = commands.filter((spec) => isOffered(spec, front));
  const others = offered.filter(({ common }) => !common).map(({ name }) => `\`${name}\``);
  return [
    'I make cloud workspaces from a chat. What you can say:',
    ...offered
      .filter(({ common }) => common)
      .map(({ usage, summary }) => `- ${say(usage)}: ${lowerFirst(summary)}`),
    ...(others.length === 0 ? [] : [`- Also: ${others.join(', ')}.`]),
    `${TARGETS[front]} More about a command: ${say(`help ${offered[0]?.name ?? 'help'}`)}.`,
    ...ENDS[front],
  ].join('\n');
}

const NAMED = '`owner/name`, `owner/name@branch`';

/** What may stand for `[target]`, and what is meant without one. */
const TARGETS: Record<Front, string> = {
  console: `A target is a repository (a folder like \`.\`, ${NAMED} or an address) or a workspace's name; without one I take your only workspace.`,
  github: `A target is ${NAMED}, \`#412\` or a workspace's name; without one I take this pull request or issue.`,
  slack: `A target is ${NAMED}, \`owner/name#412\` or a workspace's name; without one I take what this thread or channel is about.`,
  api: `A target is ${NAMED}, \`owner/name#412\` or a workspace's name.`,
};

/** What else there is to know. */
const ENDS: Record<Front, string[]> = {
  console: ['Ctrl-C ends Sam, and workspaces go on.'],
  github: [],
  slack: [],
  api: [],
};

/** One command in full: description, usage, flags, examples, who may say it. */
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
