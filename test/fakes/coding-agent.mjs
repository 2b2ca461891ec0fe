// A coding agent that does what its prompts say, word for word: JSON-RPC over its pipes, a line a message. Its folder for
// conversations is the first argument; how it starts is the second one.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [folder, start = ''] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const update = (sessionId, one) => say({ method: 'session/update', params: { sessionId, update: one } });
const waiting = new Map();
let lastId = 0;
let cancelled = () => {};

/** `words`: what it is told to do, one thing a line. */
const ACTS = {
  say: (session, text) => chunk(session, 'm1', text),
  /** A message of its own. */
  answer: (session, text) => chunk(session, 'm2', text),
  tool(session, title) {
    const call = { toolCallId: `c${++lastId}`, kind: 'execute', title, rawInput: { command: title } };
    update(session, { sessionUpdate: 'tool_call', status: 'pending', ...call });
    update(session, { sessionUpdate: 'tool_call_update', toolCallId: call.toolCallId, status: 'completed' });
  },
  plan: (session, content) =>
    update(session, {
      sessionUpdate: 'plan',
      entries: [{ content, priority: 'high', status: 'in_progress' }],
    }),
  cost: (session, amount) =>
    update(session, {
      sessionUpdate: 'usage_update',
      used: 1,
      size: 2,
      cost: { amount: Number(amount), currency: 'USD' },
    }),
  /** Asks, does it where it may, and says what it heard. */
  async ask(session, command) {
    const toolCall = { toolCallId: `c${++lastId}`, kind: 'execute', title: command, rawInput: { command } };
    const options = ['allow_always', 'allow_once', 'reject_once'].map((kind) => ({
      optionId: kind,
      name: kind,
      kind,
    }));
    const { outcome } = await request('session/request_permission', {
      sessionId: session,
      toolCall,
      options,
    });
    const heard = `heard-${lastId}`;
    if (outcome.optionId?.startsWith('allow')) await ACTS.run(session, command);
    chunk(session, heard, outcome.optionId ?? outcome.outcome);
  },
  write: (_session, words) => {
    const [path, ...text] = words.split(' ');
    writeFileSync(path, `${text.join(' ')}\n`);
  },
  run: (_session, line) =>
    new Promise((resolve) => spawn('/bin/sh', ['-c', line], { stdio: 'ignore' }).once('exit', resolve)),
  background: (_session, line) => spawn('/bin/sh', ['-c', line], { stdio: 'ignore', detached: true }).unref(),
  /** Until it is told to stop. */
  hang: () => new Promise((resolve) => (cancelled = resolve)),
  /** For ever, whatever it is told. */
  resist: () => new Promise(() => {}),
  die: (_session, text) => {
    process.stderr.write(`${text}\n`, () => process.exit(3));
    return new Promise(() => {});
  },
  refuse(_session, words) {
    const { code, message, kind } = JSON.parse(words);
    throw Object.assign(new Error(message), { code, data: kind && { errorKind: kind } });
  },
  nonsense: () => void process.stdout.write('[session] not a message\n{"broken\n"a string"\n[1]\n{}\n\n'),
  async flood(session, how) {
    const piece = 'x'.repeat(1 << 20);
    for (let mebibytes = 0; mebibytes < 100; mebibytes++) {
      if (how === 'updates') chunk(session, 'flood', piece);
      else if (!process.stdout.write(piece))
        await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  },
  /** What the conversation was told before. */
  recall: (session) => chunk(session, 'recalled', kept(session).slice(0, -1).join(' | ')),
  mode: (session) => chunk(session, 'mode', modes.get(session) ?? 'auto'),
};

const chunk = (session, messageId, text) =>
  update(session, {
    sessionUpdate: 'agent_message_chunk',
    messageId,
    content: { type: 'text', text },
  });

function request(method, params) {
  const id = ++lastId;
  say({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

const modes = new Map();
const file = (session) => join(folder, `${session}.json`);
const kept = (session) => JSON.parse(readFileSync(file(session), 'utf8'));

const METHODS = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {}, authMethods: [] }),
  'session/new'() {
    const sessionId = `s-${process.pid}-${++lastId}`;
    writeFileSync(file(sessionId), '[]');
    return { sessionId };
  },
  'session/resume'({ sessionId }) {
    if (existsSync(file(sessionId))) return {};
    throw Object.assign(new Error('Resource not found'), { code: -32_002 });
  },
  'session/set_mode'({ sessionId, modeId }) {
    modes.set(sessionId, modeId);
    return {};
  },
  async 'session/prompt'({ sessionId, prompt }) {
    const text = prompt[0].text;
    writeFileSync(file(sessionId), JSON.stringify([...kept(sessionId), text]));
    let isCancelled = false;
    for (const line of text.split('\n')) {
      const [, word, words] = /^(\S+) ?(.*)$/.exec(line);
      if ((await ACTS[word](sessionId, words)) === 'cancelled') isCancelled = true;
    }
    return { stopReason: isCancelled ? 'cancelled' : 'end_turn' };
  },
};

async function hear(line) {
  const { id, method, params, result } = JSON.parse(line);
  if (method === 'session/cancel') return cancelled('cancelled');
  if (method === undefined) return waiting.get(id)?.(result);
  try {
    say({ id, result: await METHODS[method](params) });
  } catch ({ code = -32_603, message, data }) {
    say({ id, error: { code, message, data } });
  }
}

if (start === 'die') {
  process.stderr.write('there is no such model: sk-ant-api03-abcdefghijklmnop\n');
  process.exit(7);
}
if (start !== 'hang')
  createInterface({ input: process.stdin })
    .on('line', (line) => void hear(line))
    .once('close', () => process.exit(0));
else setInterval(() => {}, 1_000);
