// What a coding agent may do unasked, and what it never may. Pure: knows no person and no connection.
import type { TaskPolicy } from '../protocol.ts';

/** What it wants to do. */
export interface Wish {
  /** What kind of tool. */
  tool: string;
  title: string;
  /** Of a tool that runs one: the whole line. */
  command?: string | undefined;
  /** Where that is to run, if it says so. */
  cwd?: string | undefined;
}

/** The same, as the coding agent says it. */
export interface Wished {
  tool: string;
  input: unknown;
  /** Absolute, as it sees them. */
  paths: string[];
}

export type Ruling = 'allow' | 'deny' | 'ask';

/** Kinds whose use says all: of others the next one may do anything. */
const SAYING = new Set(['read', 'edit', 'search', 'think']);

/** `always`: what people allowed for the rest of the task, as `nameOf` has it. */
export function judge(wish: Wish, { allow, deny }: TaskPolicy, always: readonly string[]): Ruling {
  const names = [wish.tool, ...(wish.command === undefined ? [] : [wish.command.trim()])];
  const isIn = (list: readonly string[]) => names.some((name) => list.includes(name));
  if (isIn(deny)) return 'deny';
  return isIn(allow) || always.includes(nameOf(wish)) ? 'allow' : 'ask';
}

/** What is allowed with it, where somebody says `always`: a whole kind only where that is harmless enough, else this very thing. */
export const nameOf = ({ tool, title, command }: Wish): string =>
  SAYING.has(tool) ? tool : `${tool} ${command?.trim() ?? title}`;

export const commandOf = (input: unknown): string | undefined => textIn(input, 'command');

export const cwdOf = (input: unknown): string | undefined => textIn(input, 'cwd');

function textIn(input: unknown, name: string): string | undefined {
  const value: unknown = input instanceof Object ? Reflect.get(input, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}
