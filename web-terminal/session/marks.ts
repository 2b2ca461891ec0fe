// What a shell says of its prompts and commands (OSC 133): where each began, how it ended, how long it took. Knows no tab and no socket.
import type { IDecoration, IMarker, Terminal } from '@xterm/xterm';

export interface CommandEnd {
  /** Absent: the shell did not say. */
  code?: number;
  /** From when somebody here saw it begin. */
  ms: number;
}

export interface Marks {
  /** Undefined: nobody knows. `idle`: a prompt waits, and nothing runs behind it. */
  readonly state: 'idle' | 'running' | undefined;
  /** Scrolls to the prompt before, or after, what is in sight. False: there are no prompts to go to. */
  jump: (way: 'previous' | 'next') => boolean;
  /** What was drawn is drawn anew, without them. */
  forget: () => void;
}

interface Prompt {
  marker: IMarker;
  decoration?: IDecoration;
}

interface State {
  prompts: Prompt[];
  now: 'prompt' | 'running' | undefined;
  /** In the background, of the shell that waits; undefined: it does not say. */
  jobs: number | undefined;
  /** Without it a command that runs looks like a prompt that waits. */
  saysStarts: boolean;
  startedAt: number | undefined;
}

/** A program may say it as often as it likes. */
const MAX_PROMPTS = 1_000;

export function followPrompts(terminal: Terminal, onEnd: (end: CommandEnd) => void): Marks {
  const state: State = {
    prompts: [],
    now: undefined,
    jobs: undefined,
    saysStarts: false,
    startedAt: undefined,
  };
  terminal.parser.registerOscHandler(133, (data) => {
    const [kind = '', ...words] = data.slice(0, 200).split(';');
    if (kind === 'A') startPrompt(terminal, state, words);
    else if (kind === 'C') startCommand(state);
    else if (kind === 'D') endCommand(terminal, state, words, onEnd);
    return true;
  });
  return {
    get state() {
      const { now, jobs, saysStarts } = state;
      if (now !== 'prompt') return now;
      if (!saysStarts || jobs === undefined) return undefined;
      return jobs > 0 ? 'running' : 'idle';
    },
    jump: (way) => jump(terminal, state, way),
    forget: () => {
      for (const { marker } of state.prompts.splice(0)) marker.dispose();
      if (state.now === 'prompt') state.now = undefined;
    },
  };
}

function startPrompt(terminal: Terminal, state: State, words: string[]): void {
  state.now = 'prompt';
  const said = words.find((word) => /^jobs=\d+$/.test(word));
  state.jobs = said === undefined ? undefined : Number(said.slice('jobs='.length));
  const { active } = terminal.buffer;
  if (active.type !== 'normal') return;
  const line = active.baseY + active.cursorY;
  if (state.prompts.at(-1)?.marker.line === line) return;
  const marker = terminal.registerMarker();
  const prompt: Prompt = { marker };
  state.prompts.push(prompt);
  marker.onDispose(() => {
    const at = state.prompts.indexOf(prompt);
    if (at >= 0) state.prompts.splice(at, 1);
  });
  if (state.prompts.length > MAX_PROMPTS) state.prompts[0]?.marker.dispose();
}

function startCommand(state: State): void {
  Object.assign(state, { now: 'running', saysStarts: true, startedAt: performance.now() });
}

function endCommand(
  terminal: Terminal,
  state: State,
  [said]: string[],
  onEnd: (end: CommandEnd) => void,
): void {
  const { now, startedAt, prompts } = state;
  state.now = state.startedAt = undefined;
  if (now !== 'running' || startedAt === undefined) return;
  const code = said !== undefined && /^\d{1,3}$/.test(said) ? Number(said) : undefined;
  const prompt = prompts.at(-1);
  if (prompt && code !== undefined && !prompt.decoration) decorate(terminal, prompt, code);
  onEnd({ ms: performance.now() - startedAt, ...(code !== undefined && { code }) });
}

/** A bar beside the line on which the command was typed. Those who listen hear what the command itself says. */
function decorate(terminal: Terminal, prompt: Prompt, code: number): void {
  const decoration = terminal.registerDecoration({ marker: prompt.marker, layer: 'top' });
  if (!decoration) return;
  prompt.decoration = decoration;
  decoration.onRender((element) => {
    element.classList.add('exit', code === 0 ? 'good' : 'bad');
    element.title = `Exit status ${code}`;
    element.setAttribute('aria-hidden', 'true');
  });
}

function jump(terminal: Terminal, { prompts }: State, way: 'previous' | 'next'): boolean {
  const { active } = terminal.buffer;
  if (active.type !== 'normal' || prompts.length === 0) return false;
  const lines = prompts.map(({ marker }) => marker.line);
  const target =
    way === 'previous'
      ? lines.findLast((line) => line < active.viewportY)
      : lines.find((line) => line > active.viewportY);
  if (target !== undefined) terminal.scrollToLine(target);
  else if (way === 'next') terminal.scrollToBottom();
  return true;
}
