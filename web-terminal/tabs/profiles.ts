// The kinds of terminals that one can open: as people call them, and the menu to choose from. Knows no session and no socket.
import { getElement } from '../dom.ts';
import { openMenu, type MenuItem } from '../menu.ts';

/** `name`: of the tab; absent: the node numbers it. */
export interface Profile {
  profile: string;
  label: string;
  name?: string;
}

const KNOWN: Record<string, Omit<Profile, 'profile'>> = {
  shell: { label: 'Shell' },
  claude: { label: 'Claude Code', name: 'Claude' },
};
/** What nodes have that do not say what they have. */
const ALWAYS = ['shell', 'claude'];

export function describeProfiles(ids: readonly string[] = ALWAYS): Profile[] {
  return ids.map((profile) => ({ profile, ...(KNOWN[profile] ?? { label: profile, name: profile }) }));
}

interface Choosing {
  /** Those that the node has at this moment. */
  list: () => Profile[];
  open: (profile: Profile) => void;
  /** What else there is to do, at this moment. */
  more: () => MenuItem[];
  onLeave: () => void;
}

export function offerProfiles({ list, open, more, onLeave }: Choosing): void {
  const button = getElement('profiles');
  button.addEventListener('click', () =>
    openMenu([...list().map((one) => ({ label: one.label, choose: () => open(one) })), ...more()], {
      label: 'Terminals and files',
      owner: button,
      onLeave,
    }),
  );
}
