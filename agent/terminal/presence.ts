// Who is there in a workspace, and who types: told to all of them, seldom, and only where they are several. Knows names and how to
// tell; must not know tickets, sessions or sockets.
import { MAX_PRESENT, type PersonPresent, type TerminalMessage } from '../protocol.ts';
import type { Timing } from './terminals.ts';

export interface Presences {
  /** Somebody's page was let in. */
  enter(workspace: string, page: Page): There;
}

export interface There {
  /** Its person typed, just now. */
  typed(): void;
  leave(): void;
}

interface Page {
  /** Whose it is; a person with several pages is one. */
  user: string;
  name: string;
  drive: boolean;
  tell: (message: TerminalMessage) => void;
}

interface Room {
  pages: Map<Page, { told: string }>;
  /** When each of them typed last. */
  typedAt: Map<string, number>;
  timer: NodeJS.Timeout | undefined;
}

export function createPresences(timing: Pick<Timing, 'tellMs' | 'quietMs'>): Presences {
  const rooms = new Map<string, Room>();
  return {
    enter(workspace, page) {
      const room = rooms.get(workspace) ?? { pages: new Map(), typedAt: new Map(), timer: undefined };
      rooms.set(workspace, room);
      room.pages.set(page, { told: '' });
      tellSoon(room, timing);
      return {
        typed() {
          const isNews = !isTyping(room, page.user, timing);
          room.typedAt.set(page.user, performance.now());
          if (isNews) tellSoon(room, timing);
        },
        leave() {
          room.pages.delete(page);
          if (room.pages.size > 0) return tellSoon(room, timing);
          clearTimeout(room.timer);
          rooms.delete(workspace);
        },
      };
    },
  };
}

/** What changes meanwhile is told with it. */
function tellSoon(room: Room, timing: Pick<Timing, 'tellMs' | 'quietMs'>, ms = timing.tellMs): void {
  room.timer ??= setTimeout(() => {
    room.timer = undefined;
    tell(room, timing);
  }, ms).unref();
}

function tell(room: Room, timing: Pick<Timing, 'tellMs' | 'quietMs'>): void {
  const people = peopleIn(room, timing);
  for (const [page, last] of room.pages) {
    const message = messageFor(page, people);
    const told = JSON.stringify(message);
    // Who is alone, and always was, need not hear it.
    const isNews = told !== last.told && (people.size > 1 || last.told !== '');
    if (!isNews) continue;
    last.told = told;
    page.tell(message);
  }
  for (const user of room.typedAt.keys()) if (!isTyping(room, user, timing)) room.typedAt.delete(user);
  if (people.size > 1 && room.typedAt.size > 0) tellSoon(room, timing, timing.quietMs);
}

/** In the order in which they came. */
function peopleIn(room: Room, timing: Pick<Timing, 'quietMs'>): Map<string, PersonPresent> {
  const pages = [...room.pages.keys()];
  const drivers = new Set(pages.filter(({ drive }) => drive).map(({ user }) => user));
  const asPerson = ({ user, name }: Page): PersonPresent => ({
    name,
    ...(!drivers.has(user) && { isLooking: true }),
    ...(isTyping(room, user, timing) && { isTyping: true }),
  });
  return new Map(pages.map((page) => [page.user, asPerson(page)]));
}

function messageFor({ user }: Page, people: ReadonlyMap<string, PersonPresent>): TerminalMessage {
  const all = [...people].map(([id, person]) => (id === user ? { ...person, isYou: true as const } : person));
  // Whoever hears it is always among them.
  const named = all
    .toSorted((a, b) => Number(b.isYou ?? false) - Number(a.isYou ?? false))
    .slice(0, MAX_PRESENT);
  return { type: 'presence', people: named, more: all.length - named.length };
}

const isTyping = ({ typedAt }: Room, user: string, { quietMs }: Pick<Timing, 'quietMs'>): boolean =>
  performance.now() - (typedAt.get(user) ?? -Infinity) < quietMs;
