// What holds for every text, on every front.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVoice } from '../../bot/chat/wording.ts';
import { renderCommandHelp, renderHelp } from '../../bot/chat/wording/help.ts';
import { findCommand } from '../../bot/commands/command.ts';
import { formatCommand } from '../../bot/commands/parser/format.ts';
import { isValidRef } from '../../bot/commands/parser/names.ts';
import { countEdits, parse, type ParseContext, type ParsedCommand } from '../../bot/commands/parser/parse.ts';
import { api, command, commands, console_, fronts, github, mention, slash, texts, worded } from './table.ts';

const RUNS = { numRuns: 1500 };

function meaning({ dropped: _dropped, ...parsed }: ParsedCommand): ParsedCommand {
  return { ...parsed, line: '', ignored: [] };
}

/** As Slack sends what a person typed. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

test('no text makes the parser throw, on any front', () => {
  fc.assert(
    fc.property(texts, fc.nat({ max: fronts.length - 1 }), (text, front) => {
      expect(['command', 'help', 'status', 'error', 'ignore']).toContain(parse(text, fronts[front]!).kind);
    }),
    RUNS,
  );
});

const written: [string, ParseContext, (text: string) => string, string][] = [
  ['the console', console_, (text) => text, ''],
  ['the API', api, (text) => text, ''],
  ['GitHub', github, (text) => text, '/sam'],
  ['a GitHub mention of the app', github, (text) => text, '@my-app[bot]'],
  ['a slash command', slash, escapeSlack, ''],
  ['a Slack mention', mention, (text) => text.replace(/(?<=^<@U0SAM>).*/s, escapeSlack), '<@U0SAM>'],
];

test.each(written)(
  'on %s a command written down reads back as the same command',
  (_, context, send, trigger) => {
    let commandsSeen = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const result = parse(text, context);
        if (result.kind !== 'command') return;
        commandsSeen += 1;
        const line = send(formatCommand(result, trigger));
        expect(meaning(command(line, context))).toEqual(meaning(result));
      }),
      RUNS,
    );
    expect(commandsSeen).toBeGreaterThan(40);
  },
);

test('the line that a command keeps is the same command again', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const result = parse(text, github);
      // What is asked of a coding agent is kept elsewhere.
      if (result.kind !== 'command' || result.prompt !== undefined) return;
      const bare = { ...console_, traits: github.traits, allowPaths: false, allowUrls: false };
      expect(meaning(command(result.line, bare))).toEqual(meaning(result));
    }),
    RUNS,
  );
});

describe('what Sam writes is no command to Sam', () => {
  const inComments = { ...github, allowPaths: true, allowUrls: true };

  test('error messages', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const result = parse(text, inComments);
        if (result.kind !== 'error') return;
        const { message, usage = '', caret = '' } = worded(result, github);
        for (const reply of [message, `${message}\n\n${usage}`]) {
          expect(parse(reply, github).kind).toBe('ignore');
        }
        expect(parse(`Look:\n\n\`\`\`\n${caret}\n\`\`\``, github).kind).toBe('ignore');
      }),
      RUNS,
    );
  });

  test.each(commands)('the help on $name', (spec) => {
    for (const trigger of github.triggers) {
      expect(parse(renderCommandHelp(spec, createVoice(trigger).say), github)).toMatchObject({
        kind: 'ignore',
      });
      expect(parse(`- ${renderCommandHelp(spec, createVoice(trigger).say)}`, github)).toMatchObject({
        kind: 'ignore',
      });
    }
  });

  test('the short help', () => {
    expect(parse(renderHelp(github, createVoice('/sam').say), github).kind).toBe('ignore');
  });
});

describe('did you mean', () => {
  const words = commands
    .filter(({ needs }) => !needs)
    .flatMap(({ name, aliases }) => [name, ...aliases])
    .filter((word) => word.length >= 3);
  const letters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'.split(''));
  const typos = fc
    .tuple(
      fc.constantFrom(...words),
      fc.nat({ max: 12 }),
      letters,
      fc.constantFrom('drop', 'add', 'change', 'swap'),
    )
    .map(([word, place, letter, how]) => mistype(word, place % word.length, letter, how))
    .filter((typo) => !findCommand(commands, typo) && /^[a-z]{2}/.test(typo));

  test('one slip in a verb brings a suggestion that is a command', () => {
    fc.assert(
      fc.property(typos, fc.constantFrom('', ' api-412'), (typo, target) => {
        const result = parse(`/sam ${typo}${target}`, github);
        expect(result).toMatchObject({ kind: 'error', code: 'unknown-verb' });
        const suggestion = result.kind === 'error' ? (worded(result, github).suggestion ?? '') : '';
        expect(suggestion).not.toBe('');
        const again = parse(suggestion, console_);
        expect(/^(rename|ask$|run$)/.test(suggestion) || ['command', 'help'].includes(again.kind)).toBe(true);
      }),
    );
  });

  test('a slip never turns into a forced deletion', () => {
    fc.assert(
      fc.property(typos, (typo) => {
        expect(JSON.stringify(parse(`${typo} api-412 --force`, console_))).not.toContain(
          'rm api-412 --force',
        );
      }),
    );
  });

  test('the number of edits is symmetric and at most the longer word', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (from, to) => {
        expect(countEdits(from, to)).toBe(countEdits(to, from));
        expect(countEdits(from, to)).toBeLessThanOrEqual(Math.max(from.length, to.length));
        expect(countEdits(from, from)).toBe(0);
      }),
    );
  });
});

function mistype(word: string, place: number, letter: string, how: string): string {
  const [before, at, after] = [word.slice(0, place), word.charAt(place), word.slice(place + 1)];
  if (how === 'drop') return before + after;
  if (how === 'add') return before + letter + at + after;
  return how === 'change' ? before + letter + after : before + after.charAt(0) + at + after.slice(1);
}

test('a password in an address is never repeated', () => {
  const startings =
    '|up |/sam up |up "|upp |probe --node |up --size=|rename |extend |up acme/api@|help |stop\n/sam |/sam up `';
  const around = fc.constantFrom(...startings.split('|'));
  const schemes = fc.constantFrom('https://', 'HTTP://', 'ssh://', 'https:\\\\', 'x://');
  const users = fc.constantFrom('sam:hunter2', 'hunter2', 'hunter2/x', 'a:hun#ter2@hunter2', '"hunter2');
  const hosts = fc.constantFrom('github.com/acme/api', 'h', 'h/a/b c', '');
  const front = fc.nat({ max: fronts.length - 1 });
  fc.assert(
    fc.property(around, schemes, users, hosts, front, (start, scheme, user, host, place) => {
      const result = parse(`${start}${scheme}${user}@${host}`, fronts[place]!);
      expect(result.kind === 'command' ? result.ignored.join() : JSON.stringify(result)).not.toMatch(
        /hunter2/,
      );
    }),
    RUNS,
  );
});

test('refs are what git takes for a branch, but for a leading hyphen and a lone @', () => {
  const part = fc.constantFrom(..."aB./-@{~^:?*[\\ ü#%'\u007f\u0001".split(''), '..', '.lock', '//', '@{');
  const refs = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(refs, (ref) => {
      expect(isValidRef(ref)).toBe(gitTakes(ref) && !ref.startsWith('-') && ref !== '@');
    }),
    { numRuns: 150 },
  );
});

function gitTakes(ref: string): boolean {
  try {
    execFileSync('git', ['check-ref-format', `refs/heads/${ref}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('reading takes time in proportion to the text', () => {
  const patterns = [
    'a| |"|\'|`|` ``|\\|=|-|/|@|#|\n|\n\n|/sam up\n|- |> |<|&|—|%|4|\u200b|😀|a/|a@|..|.lock|--a |--a=|a=|size=s ',
    '<!--|<!-- |-->|<details>|</details|</details |<details|<@|<https://|https://|://|~~~\n|a://b@|`a``b```c',
    '/sam |until 18:40 |- ```\n|a\t|"" |=" |</details>|x<!--|`x`<|` <`` ',
  ].flatMap((line) => line.split('|'));
  const openings = ['/sam up ', '/sam up https://github.com/acme/api', '/sam probe --node "', '/sam x '];

  test.each(patterns)('%j over and over', (pattern) => {
    for (const context of [github, slash]) {
      for (const opening of openings) {
        // A busy machine may be slow at the wrong moment; what is quadratic is so each time.
        const attempts = Array.from({ length: 10 }, () => () => growth(opening, pattern, context));
        expect(attempts.some((attempt) => attempt() < 5)).toBe(true);
      }
    }
  });
});

/** The time of one long text over that of sixteen short ones, as long together: 1 if linear, 16 if quadratic. */
function growth(opening: string, pattern: string, context: ParseContext): number {
  const text = (length: number) => opening + pattern.repeat(length / pattern.length);
  const long = cpuTime(text(64_000), context, 1);
  // Nothing quadratic is that fast, and so short a time says little.
  return long < 4_000 ? 0 : long / cpuTime(text(4_000), context, 16);
}

/** Microseconds of this thread, so that a busy machine changes nothing. */
function cpuTime(text: string, context: ParseContext, rounds: number): number {
  const start = process.threadCpuUsage();
  for (let round = 0; round < rounds; round += 1) parse(text, context);
  const { user, system } = process.threadCpuUsage(start);
  return user + system;
}
