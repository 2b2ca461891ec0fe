// The lines of a log as steps, one after the other, and how long each took. Pure: no DOM.

export interface Line {
  id: number;
  /** ISO 8601. */
  at: string;
  step: string;
  text: string;
}

export interface Written {
  lines: Line[];
  /** It does not go on with what was handed before. */
  isNew: boolean;
  hasOlder: boolean;
}

export interface Step {
  /** Of its first line, also where that was cut: no other has it. */
  id: number;
  /** When it began; ISO 8601. */
  at: string;
  name: string;
  lines: Line[];
}

/** What people call them; a step of a bot that knows more shows its own word. */
const TITLES: Record<string, string> = {
  boot: 'Machine',
  clone: 'Clone',
  pull: 'Pull the image',
  build: 'Build the image',
  features: 'Add features',
  create: 'Create the container',
  hooks: 'Lifecycle commands',
  start: 'Start',
  dotfiles: 'Dotfiles',
  stop: 'Stop',
  saving: 'Save the work',
};

export const titleOf = ({ name }: Step): string => TITLES[name] ?? name;

/** Adds them to the last step, or as steps of their own; the same step again, later, is another one. */
export function addLines(steps: Step[], lines: readonly Line[]): void {
  for (const line of lines) {
    const last = steps.at(-1);
    if (last?.name === line.step) last.lines.push(line);
    else steps.push({ id: line.id, at: line.at, name: line.step, lines: [line] });
  }
}

/** Drops the oldest lines beyond `most`. True: there were some. */
export function cut(steps: Step[], most: number): boolean {
  let over = countLines(steps) - most;
  const isOver = over > 0;
  for (let first = steps[0]; first && over > 0; first = steps[0]) {
    over -= first.lines.splice(0, over).length;
    if (first.lines.length === 0) steps.shift();
  }
  return isOver;
}

export const countLines = (steps: readonly Step[]): number =>
  steps.reduce((sum, { lines }) => sum + lines.length, 0);

/** From its first line to that of the next step, or to its own last one. */
export function spentMs(step: Step, next: Step | undefined): number {
  const { at } = next ?? step.lines.at(-1) ?? step;
  return Math.max(0, Date.parse(at) - Date.parse(step.at));
}

/** `0.4 s`, `12 s`, `2 min 5 s` */
export function wordSpent(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

export function readWritten(text: string): Written | undefined {
  try {
    const written = JSON.parse(text) as Written | null;
    return Array.isArray(written?.lines) ? written : undefined;
  } catch {
    return undefined;
  }
}
