// What counts as a command on each front, and what of it arrives.
import { describe, expect, test } from 'vitest';
import { parse } from '../../bot/commands/parser/parse.ts';
import { command, commands, console_, failure, github, mention, slash } from './table.ts';

const ignored = { kind: 'ignore', why: 'no line begins with the trigger' };
const up = { kind: 'command', verb: 'up', flags: {}, words: [], line: 'up', ignored: [] };

describe('a comment on GitHub', () => {
  test.each([
    ['/sam up', 'the short trigger'],
    ['@sam up', 'a mention'],
    ['@sam: up', 'a mention with a colon'],
    ['@my-app[bot]： up', 'a mention with a full-width colon'],
    ['／sam up', 'a full-width slash'],
    ['＠Sam\u3000up', 'a full-width at sign and space'],
    ['@my-app up', "the app's own name"],
    ['@my-app[bot] up', "the bot's name as GitHub completes it"],
    ['/SAM up', 'capitals, as phones write them'],
    ['  /sam   up  ', 'more spaces than needed'],
    ['- /sam up', 'a list bullet'],
    ['* `/sam up`', 'a pasted hint with its bullet and backticks'],
    ['```/sam up```', 'a code span of three backticks'],
    ['Thanks!\n\n/sam up', 'a line after others'],
    ['Thanks!\r\n/sam up\r\n', 'line ends of Windows'],
    ['/sam\u00a0up\u200b', 'a no-break space and a zero-width one'],
    ['> what was said\n\n/sam up', 'an answer below a quote'],
    ['> <!-- what was hidden\n/sam up', 'an answer below a quote that hides something'],
    ['one ` tick <!--\n/sam stop\n-->\n/sam up', 'text below a comment behind a lone backtick'],
    ['/sam up\n\n<!-- linear:isThreadRoot -->', 'a hidden trailer'],
    ['<!-- hidden\n/sam stop\n-->\n/sam up', 'text below a comment of several lines'],
    ['see `<!--` there\n/sam up', 'a comment mark that is only code'],
    ['<details><summary>Log</summary>\n/sam stop\n</details>\n\n/sam up', 'text below <details>'],
    ['- ```\n  /sam stop\n  ```\n/sam up', 'text below code in a list'],
    ['- ```\n  /sam stop\n/sam up', 'text below a list whose code never ends'],
    ['~~~\n```\n/sam stop\n~~~\n/sam up', 'text below a fence that holds another'],
  ])('%j is a command: %s', (text) => {
    expect(parse(text, github)).toEqual(up);
  });

  test.each([
    ['I think /sam up would help', 'a trigger inside a sentence'],
    ['`/sam up` needs **write** on `acme/api`; you have **read**.', 'a reply of ours'],
    ['/sampler up', 'a longer word'],
    ['@samantha up', 'another person'],
    ['@sam:up', 'no word of its own'],
    ['/sam: up', 'a trigger that addresses nobody'],
    ['@sam, what do you think?', 'a person who is addressed'],
    ['/sam.', 'the trigger with a full stop'],
    ['```\n/sam up\n```', 'fenced code'],
    ['~~~sh\n/sam up', 'a fence that never ends'],
    ['````\n```\n/sam up\n````', 'a fence within a longer one'],
    ['Do this:\n\n    /sam up', 'indented code'],
    ['\t/sam up', 'code indented by a tab'],
    ['> /sam up', 'a quote'],
    ['  > > /sam up', 'a quote of a quote'],
    ['> ```\n> /sam up\n> ```', 'code in a quote'],
    ['<!-- /sam up -->', 'a hidden comment'],
    ['<!--\n/sam up', 'a hidden comment that never ends'],
    ['<details>\n\n/sam up\n\n</details>', 'folded text'],
    ['<details><details></details>\n/sam up\n</details>', 'folded text in folded text'],
    ['<DETAILS open>\n/sam up', 'folded text that never ends'],
    ['', 'nothing at all'],
  ])('%j is none: %s', (text) => {
    expect(parse(text, github)).toEqual(ignored);
  });

  test('backticks around a word are no part of it', () => {
    expect(command('/sam `Up` `acme/api`', github)).toMatchObject({ verb: 'up', target: { name: 'api' } });
  });

  test('the trigger alone asks for the status', () => {
    expect(parse('/sam', github)).toEqual({ kind: 'status' });
    expect(parse('Hello\n@my-app[bot] \n', github)).toEqual({ kind: 'status' });
  });

  test('of several commands the first one runs and the others are named', () => {
    const result = command('/sam up acme/api\ntext\n- `@sam stop`\n/sam rm x --force', github);
    expect(result).toMatchObject({ verb: 'up', line: 'up acme/api', ignored: ['stop', 'rm x --force'] });
  });

  test('at most ten others are named, and passwords in them are not', () => {
    const result = command(
      '/sam up\n/sam up https://me:hunter2@host/a/b\n' + '/sam stop\n'.repeat(100),
      github,
    );
    expect(result.ignored).toEqual(['up https://…@host/a/b', ...Array.from({ length: 9 }, () => 'stop')]);
  });

  test('40 kB of text below a command change nothing', () => {
    expect(command(`/sam up\n${'All is well, `really`.\n'.repeat(1800)}`, github)).toEqual(up);
  });

  test('a text over 64 kB is refused if it speaks to Sam, else it is ignored', () => {
    const long = 'word '.repeat(14_000);
    expect(failure(`/sam up\n${long}`, github)).toMatchObject({ code: 'too-long' });
    expect(parse(long, github).kind).toBe('ignore');
  });
});

describe('Slack', () => {
  test('the text of a slash command needs no trigger, and may have one', () => {
    expect(command('up', slash)).toEqual(up);
    expect(command('/sam up', slash)).toEqual(up);
  });

  test('a slash command without text asks for the status', () => {
    expect(parse('', slash)).toEqual({ kind: 'status' });
    expect(parse('  ', slash)).toEqual({ kind: 'status' });
  });

  test('a mention is a trigger at the start of a line, with or without its label', () => {
    expect(command('<@U0SAM> up', mention)).toEqual(up);
    expect(command('<@U0SAM|sam> up', mention)).toEqual(up);
    expect(parse('hi <@U0SAM> up', mention).kind).toBe('ignore');
    expect(parse('<@U0SAMUEL> up', mention).kind).toBe('ignore');
  });

  test.each([
    ['up acme/api@a&amp;b', { target: { kind: 'repository', owner: 'acme', name: 'api', ref: 'a&b' } }],
    ['up acme/api@a&amp;lt;b', { target: { kind: 'repository', owner: 'acme', name: 'api', ref: 'a&lt;b' } }],
    ['up <https://github.com/acme/api>', { target: { kind: 'repository', owner: 'acme', name: 'api' } }],
    [
      'up <https://github.com/acme/api/pull/3|acme/api#3>',
      { target: { kind: 'repository', owner: 'acme', name: 'api', number: 3 } },
    ],
    [
      'up acme/<http://socket.io|socket.io>',
      { target: { kind: 'repository', owner: 'acme', name: 'socket.io' } },
    ],
    ['probe --node <mailto:a@b.example|a@b.example>', { flags: { node: 'a@b.example' } }],
    ['probe --node <@U1|bob>', { flags: { node: '<@U1>' } }],
    ['probe --node <#C1|general>', { flags: { node: '<#C1>' } }],
  ])('%s is read as it was typed', (text, expected) => {
    expect(command(text, slash)).toMatchObject(expected);
  });

  test('further lines of a message are named only if they are commands', () => {
    expect(command('up\nthank you\nstop now', slash).ignored).toEqual(['stop now']);
  });
});

describe('the console', () => {
  test('needs no trigger, takes one, and an empty line is nothing', () => {
    expect(command('up')).toEqual(up);
    expect(command('/sam up')).toEqual(up);
    expect(parse('', console_)).toEqual({ kind: 'ignore', why: 'nothing was typed' });
  });
});

describe('verbs', () => {
  test('every alias means its command, in any case', () => {
    for (const { name, aliases, takes, needs } of commands) {
      for (const alias of aliases) {
        const needsWord = ['target name', 'prompt', 'line'].includes(takes);
        const line = `${alias.toUpperCase()}${needsWord ? ' x' : ''}`;
        const context = needs ? slash : console_;
        expect(parse(line, context)).toMatchObject(takes === 'topic' ? { kind: 'help' } : { verb: name });
      }
    }
  });

  test('no word means two commands', () => {
    const words = commands.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(words).size).toBe(words.length);
  });

  test('`down` stops and never deletes', () => {
    expect(command('down')).toMatchObject({ verb: 'stop' });
  });

  test('every example in the help is a command of its verb', () => {
    for (const { name, examples, needs } of commands) {
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        const place = needs ? [slash, github].find(({ traits }) => traits[needs])! : console_;
        const verb = parse(place === github ? `/sam ${example}` : example, place);
        expect(verb).toMatchObject(name === 'help' ? { kind: 'help' } : { kind: 'command', verb: name });
      }
    }
  });
});

describe('flags', () => {
  test.each([
    'up --size=large',
    'up --size large',
    'up --Size LARGE',
    'up -s large',
    'up -s l',
    'up -sl',
    'up -s=l',
    'up -size l',
    'up size=large',
    'up --size "large"',
    "up --size='l'",
    'up —size large',
    'up –size “large”',
    'up ―size=l',
  ])('%s asks for a large node', (line) => {
    expect(command(line).flags).toEqual({ size: 'large' });
  });

  test('each kind of value arrives as what it is', () => {
    const line = `up --new --name Box --ref fix/a=b --expiry 90m`;
    expect(command(line).flags).toEqual({
      new: true,
      name: 'box',
      ref: 'fix/a=b',
      expiry: { ms: 5_400_000 },
    });
    expect(command(`up --trust-fork ${'A'.repeat(40)} --new=false`).flags).toEqual({
      'trust-fork': 'a'.repeat(40),
    });
    expect(command('logs -n50').flags).toEqual({ lines: 50 });
    expect(command('list --state RUNNING --repo https://github.com/acme/api').flags).toEqual({
      state: 'running',
      repo: 'acme/api',
    });
  });

  test('who is to work on a prompt is one of those that there are', () => {
    expect(command('ask --agent Codex fix --agent x')).toMatchObject({
      flags: { agent: 'codex' },
      prompt: 'fix --agent x',
    });
    expect(failure('ask --agent gemini fix it')).toMatchObject({ code: 'bad-value' });
  });

  test('a time of day is a value of up to three words', () => {
    expect(command('up --expiry until 9:05 europe/berlin acme/api')).toMatchObject({
      flags: { expiry: { until: '09:05', zone: 'europe/berlin' } },
      target: { name: 'api' },
    });
    expect(command('up --expiry "until 18:40 utc"').flags).toEqual({
      expiry: { until: '18:40', zone: 'UTC' },
    });
    expect(command('up --expiry until 18:40 api-412')).toMatchObject({
      flags: { expiry: { until: '18:40' } },
      target: { name: 'api-412' },
    });
  });

  test('a quoted word is never a flag, and after -- nothing is', () => {
    expect(failure('stop "--force"')).toMatchObject({ code: 'bad-target' });
    expect(failure('stop -- --force')).toMatchObject({ code: 'bad-target' });
    expect(command('up -- acme/api').target).toEqual({ kind: 'repository', owner: 'acme', name: 'api' });
  });

  test('quotes and backslashes keep spaces together, and an apostrophe is a letter', () => {
    expect(command('up "./my folder"').target).toEqual({ kind: 'path', path: './my folder' });
    expect(command('up ./my\\ folder').target).toEqual({ kind: 'path', path: './my folder' });
    expect(command('probe --node "a \\"b\\" \\\\ c"').flags).toEqual({ node: 'a "b" \\ c' });
    expect(command("up ./bob's").target).toEqual({ kind: 'path', path: "./bob's" });
  });
});

describe('values of their own', () => {
  test.each([
    ['extend', {}],
    ['extend 4h', { value: { ms: 14_400_000 } }],
    ['extend 2D', { value: { ms: 172_800_000 } }],
    ['extend api-412', { target: { kind: 'name', name: 'api-412' } }],
    ['extend #412 1w', { target: { kind: 'number', number: 412 }, value: { ms: 604_800_000 } }],
    ['extend until 18:40', { value: { until: '18:40' } }],
    ['extend until 18:40 -05:00', { value: { until: '18:40', zone: '-05:00' } }],
    [
      'extend api-412 until 8:00 Europe/Berlin',
      { target: { kind: 'name', name: 'api-412' }, value: { until: '08:00', zone: 'Europe/Berlin' } },
    ],
    ['rename NEW-name', { value: 'new-name' }],
    ['rename api-412 fix', { target: { kind: 'name', name: 'api-412' }, value: 'fix' }],
  ])('%s', (line, expected) => {
    const { kind, verb, flags, words, line: _line, ignored: _ignored, ...rest } = command(line);
    expect({ kind, flags, words }).toEqual({ kind: 'command', flags: {}, words: [] });
    expect(line.startsWith(verb)).toBe(true);
    expect(rest).toEqual(expected);
  });
});

describe('help', () => {
  test.each([
    ['help', undefined],
    ['?', undefined],
    ['-h', undefined],
    ['—help', undefined],
    ['help me', undefined],
    ['help me to start please', undefined],
    ['help up', 'up'],
    ['help WORKSPACE', 'up'],
    ['up --help', 'up'],
    ['rm api-412 --force -h', 'rm'],
    ['--help rm', 'rm'],
  ])('%s', (line, topic) => {
    expect(parse(`/sam ${line}`, github)).toEqual(topic ? { kind: 'help', topic } : { kind: 'help' });
  });

  test('words after -- and within quotes do not ask for it', () => {
    expect(parse('probe --node "--help"', console_).kind).toBe('command');
    expect(parse('up -- --help', console_).kind).toBe('error');
  });
});
