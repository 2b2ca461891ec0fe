// The tester of ports: a whole bot with a workspace in which a program listens.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBrowser, type Browser } from './browser.ts';
import { findFreePort } from '../free-port.ts';
import { startSam, type Sam, type SamOptions } from '../testers/sam.ts';
import { openTerminal, spend, type OpenTerminal } from '../testers/terminal.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'program.mjs'), 'utf8');

export interface Site {
  sam: Sam;
  /** The workspace's id. */
  workspace: string;
  /** Where the program listens. */
  port: number;
  /** `http://3000--ws-….localhost:PORT`. */
  origin: string;
  originOf(port: number): string;
  terminal: OpenTerminal;
}

/** Whose link is spent is signed in, in the way of codes. */
export async function startSite(options: SamOptions = {}): Promise<Site & AsyncDisposable> {
  const sam = await startSam(options);
  sam.place.repository('demo', { 'program.mjs': PROGRAM });
  await sam.say('up ./demo');
  const { id: workspace } = await sam.row('demo');
  const port = await findFreePort();
  const terminal = await openTerminal(sam.link());
  const { port: own } = new URL(sam.bot.url);
  const originOf = (number: number) => `http://${number}--${workspace}.localhost:${own}`;
  return {
    sam,
    workspace,
    port,
    origin: originOf(port),
    originOf,
    terminal,
    [Symbol.asyncDispose]: () => sam[Symbol.asyncDispose](),
  };
}

/** In the background of the site's shell. */
export async function startProgram({ terminal, port }: Pick<Site, 'terminal' | 'port'>): Promise<void> {
  await terminal.run(`node program.mjs ${port} &`, new RegExp(`listens on ${port}\\.`));
}

/** A browser in which the newest link was opened. */
export async function signIn({ sam }: Pick<Site, 'sam'>, link?: string): Promise<Browser> {
  const browser = createBrowser();
  if (link === undefined) await sam.say('open demo');
  const { cookie } = await spend(link ?? sam.link());
  browser.keep(sam.bot.url, cookie);
  return browser;
}
