// The sentences that say why a line is no command. Pure; each says commands by `say` alone.
import type { FrontNeed, ParseCodes, ValueKind } from '../../codes.ts';
import { shown, type Say, type Words, type Wording } from './words.ts';

/** What a kind takes, in the middle of a sentence. */
const MEANINGS: Record<ValueKind, string> = {
  text: 'plain text',
  boolean: 'nothing',
  duration: 'a time like 30m, 4h, 2d, 1w or until 18:40 UTC, a year at most',
  size: 'small, medium or large',
  number: 'a whole number from 1',
  name: 'a name of a-z, 0-9 and hyphens',
  ref: 'a branch, tag or commit',
  repository: 'owner/name',
  commit: 'a whole commit id of 40 hexadecimal digits',
};

const howTo = (what: string, command: string, say: Say): Words => ({
  text: `${what} How to write it: ${say(`help ${command}`)}.`,
});

const NEEDS: Record<FrontNeed, string> = {
  hasChannels: 'people talk in channels',
  hasLinkedAccounts: 'people say who they are on GitHub',
  hasReviews: 'people comment on lines of a pull request',
};

export const PARSE_FAILURES: Wording<ParseCodes> = {
  'too-long': (_, say) => ({
    text: `That text is longer than 64 kB, so I did not read it. Send the command alone, like ${say('status')}.`,
  }),
  'unclosed-quote': ({ at, line, column, suggestion }, say) => ({
    above: `${line}\n${' '.repeat(column)}^`,
    text: `The quote at character ${at + 1} is never closed. ${suggestion ? `With the end closed: ${say(suggestion)}` : `How lines look: ${say('help')}`}.`,
    ...(suggestion ? { next: suggestion } : {}),
  }),
  'unknown-verb': ({ word, suggestion }, say) => ({
    text: `I don't know ${shown(word)}.${suggestion ? ` Did you mean ${say(suggestion)}?` : ''} All commands: ${say('help')}.`,
    ...(suggestion ? { next: suggestion } : {}),
  }),
  prose: ({ canAsk }, say) => ({
    text: canAsk
      ? `That looks like a request for Claude, and I run commands only. Ask with ${say('ask …')}.`
      : `That reads like a sentence, and I only know commands. All commands: ${say('help')}.`,
  }),
  'wrong-front': ({ command, needs }, say) => ({
    text: `\`${command}\` works only where ${NEEDS[needs]}. What works here: ${say('help')}.`,
  }),
  'unknown-flag': ({ flag, command, flags }, say) => ({
    text: `${shown(flag)} is no flag of ${say(command)}. ${
      flags.length === 0
        ? `It has none. Send it without: ${say(command)}.`
        : `It has ${flags.map((name) => `\`--${name}\``).join(', ')}. What they do: ${say(`help ${command}`)}.`
    }`,
  }),
  'repeated-flag': ({ flag, command }, say) =>
    howTo(`\`--${flag}\` is there twice, and I cannot choose.`, command, say),
  contradiction: ({ flag, other, command }, say) =>
    howTo(`\`--${flag}\` and \`--${other}\` contradict each other: take one.`, command, say),
  'missing-value': ({ flag, example, command }, say) =>
    howTo(`${shown(flag)} needs a value, like \`${example}\`.`, command, say),
  'bad-value': ({ flag, kind, values, max, typed, command }, say) => {
    if (kind === 'boolean') return howTo(`\`--${flag}\` is on or off and takes no value.`, command, say);
    const takes = values ? `one of ${values.join(', ')}` : MEANINGS[kind];
    const upTo = max === undefined ? '' : ` up to ${max}`;
    return howTo(`\`--${flag}\` takes ${takes}${upTo}, not ${shown(typed)}.`, command, say);
  },
  'bad-duration': badDuration,
  'bad-target': badTarget,
  'bad-ref': ({ typed, command }, say) => ({
    text:
      typed === undefined
        ? `I cannot read the branch in that link. Name it by itself: ${say(`${command} owner/name --ref NAME`)}.`
        : `${shown(typed)} cannot be the name of a branch, tag or commit. Write it as git does: ${say(`${command} owner/name@main`)}.`,
  }),
  'bad-name': ({ typed, command }, say) => ({
    text: `${typed === '' ? 'A new name is missing.' : `${shown(typed)} cannot be a name.`} Names have a-z, 0-9 and hyphens, at most 63, with a letter among them: ${say(`${command} my-fix`)}.`,
  }),
  'bad-port': ({ typed, command }, say) => ({
    text: `${shown(typed)} is no port: those are whole numbers from 1 to 65535. For example ${say(`${command} 3000`)}; what listens now: ${say(command)}.`,
  }),
  credentials: (_, say) => ({
    text: `That address has credentials in it. I never use them, and others may have read them: change them, then name the repository alone: ${say('up owner/name')}.`,
  }),
  'no-paths-here': ({ command }, say) => ({
    text: `A path means something only on the machine where I run, so I read none here. Name the repository instead: ${say(`${command} owner/name`)}.`,
  }),
  'no-urls-here': ({ hosts, command }, say) => ({
    text: `I only take repositories of ${hosts.join(' and ')} here. Name one of those: ${say(`${command} owner/name`)}.`,
  }),
  'bad-person': ({ typed, command }, say) => ({
    text: `${shown(typed)} is nobody's name. Write people with an \`@\`: ${say(`${command} @login`)}.`,
  }),
  'too-many-words': ({ word, command }, say) =>
    howTo(`I don't know what ${shown(word)} means after ${say(command)}.`, command, say),
  'no-prompt': ({ command }, say) =>
    howTo(`There is nothing to work on: say behind ${say(command)} what you want done.`, command, say),
  'no-line': ({ command }, say) =>
    howTo(`There is nothing to run: say the command line behind ${say(command)}.`, command, say),
  'control-characters': ({ command }, say) =>
    howTo('That line has control characters, which I give to no shell.', command, say),
  'long-prompt': ({ most }, say) => ({
    text: `That is more than ${most / 1024} KiB, the most that I pass on at once. Put the long part into a file of the repository or an issue, and name that: ${say('ask read the log in issue 12 and say what failed')}.`,
  }),
};

function badDuration(details: ParseCodes['bad-duration'], say: Say): Words {
  const { command } = details;
  if ('flag' in details)
    return howTo(
      `\`--${details.flag}\` takes ${MEANINGS.duration}, not ${shown(details.typed)}.`,
      command,
      say,
    );
  if ('number' in details) {
    const { number } = details;
    return {
      text: `${shown(number)} may be hours or a pull request. Say ${say(`${command} ${number}h`)} or ${say(`${command} #${number}`)}.`,
    };
  }
  const { typed, suggestion } = details;
  return {
    text: `${shown(typed)} has no time that I understand, of a year at most. Say ${say(suggestion)} or ${say(`${command} until 18:40 UTC`)}.`,
    next: suggestion,
  };
}

function badTarget(details: ParseCodes['bad-target'], say: Say): Words {
  switch (details.what) {
    case 'ssh':
      return {
        text: `I clone over https, with credentials of my own. Say ${say(details.suggestion)}.`,
        next: details.suggestion,
      };
    case 'scheme':
      return {
        text: `I clone over https only, with credentials of my own. Write it like this: ${say(`${details.command} ${details.canBeForeign ? 'https://host/owner/name' : 'owner/name'}`)}.`,
      };
    case 'path':
      return { text: `That path has control characters. This folder is ${say(`${details.command} .`)}.` };
    default: {
      const what = details.what === 'word' ? shown(details.typed ?? '') : `That ${details.what}`;
      return {
        text: `${what} is no workspace, pull request or repository. Those look like \`api-412\`, \`#412\` and \`owner/name@branch\`: ${say(`help ${details.command}`)}.`,
      };
    }
  }
}
