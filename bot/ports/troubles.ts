// Why a program did not answer, for people and programs. The port's number is all that it says of a workspace. Pure.
import type { PortRefusal } from '../../agent/protocol.ts';
import type { Trouble } from './pages.ts';
import { TunnelError } from './tunnels.ts';

export const noSuchPort: Trouble = {
  status: 404,
  code: 'not-found',
  title: 'No such port',
  text: 'Its workspace was deleted, it is not yours to see, or this address is not one of ours. Ask whoever gave it to you.',
};

export const signInFirst: Trouble = {
  status: 401,
  code: 'sign-in-required',
  title: 'Who are you?',
  text: 'Open this address in a browser that is signed in. A page on another port of the workspace has to send its cookies along (`credentials: "include"`).',
};

export const otherSite: Trouble = {
  status: 403,
  code: 'wrong-origin',
  title: 'That came from another site',
  text: 'Pages of the same workspace alone may ask this. Open the address itself.',
};

export const loop: Trouble = {
  status: 508,
  code: 'loop',
  title: 'This leads to itself',
  text: 'What listens here passes requests on to its own address. Let it ask the program behind it instead, at `localhost`.',
};

export const late = (port: number): Trouble => ({
  status: 504,
  code: 'program-silent',
  title: `What listens on port ${port} does not answer`,
  text: 'It took the request and said nothing in time. Its terminal may say why. Load this page again to ask anew.',
});

const nothingListens = (port: number): Trouble => ({
  status: 502,
  code: 'nothing-listens',
  title: `Nothing listens on port ${port}`,
  text: 'Start the program in a terminal of the workspace. This page looks again by itself, and shows it as soon as it is there.',
  isPassing: true,
});

const nonsense = (port: number): Trouble => ({
  status: 502,
  code: 'not-http',
  title: `What listens on port ${port} does not speak HTTP`,
  text: 'What it answered is not to be understood. Ports are for what a browser can open; one that wants https itself has to be asked without it.',
});

const brokenOff = (port: number): Trouble => ({
  status: 502,
  code: 'broken-off',
  title: `What listens on port ${port} hung up`,
  text: 'It took the connection and ended it without an answer. Its terminal may say why. Load this page again to ask anew.',
});

const unreachable: Trouble = {
  status: 503,
  code: 'node-silent',
  title: 'The machine of this workspace does not answer',
  text: 'It is looked after. This page looks again by itself.',
  isPassing: true,
};

const REFUSALS: Record<PortRefusal | 'node-silent', (port: number) => Trouble> = {
  'nothing-listens': nothingListens,
  silent: late,
  'bad-ticket': () => unreachable,
  'not-here': () => unreachable,
  'not-running': () => unreachable,
  'too-many': () => ({
    status: 429,
    code: 'too-many',
    title: 'Too many connections',
    text: 'So many pages and programs are connected to this workspace that it takes no more. Close some, and load this page again.',
  }),
  'no-way': () => ({
    status: 503,
    code: 'no-way',
    title: 'There is no way to this port now',
    text: 'The machine cannot get to where the workspace runs. A restart of the workspace mends that where it was made by an earlier version.',
  }),
  'node-silent': () => unreachable,
};

/** Of a request that was passed on. */
export function troubleOf(error: unknown, port: number): Trouble {
  if (error instanceof TunnelError) return REFUSALS[error.code](port);
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'LATE') return late(port);
  return code === 'NONSENSE' || code.startsWith('HPE_') ? nonsense(port) : brokenOff(port);
}
