// Ptys of this very process, for tests of what stands on them.
import { openGathered } from '../../agent/sessions/gathered.ts';
import type { Ptys } from '../../agent/sessions/pty.ts';

export const ptysHere: Ptys = {
  open(options) {
    const pty = openGathered(options);
    return Object.assign(pty, { started: Promise.resolve(), relabel: () => {} });
  },
  warm: () => {},
};
