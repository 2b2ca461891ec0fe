// Waits until something has not happened for a while. Knows nothing of workspaces.

const QUIET_MS = 3_000;
const LONGEST_MS = 60_000;

export interface Quiet {
  note: () => void;
  close: () => void;
}

/** Calls `act` once `note` has not been called for `quietMs`, or when it has been called on and on for `longestMs`. */
export function createQuiet(act: () => void, { quietMs = QUIET_MS, longestMs = LONGEST_MS } = {}): Quiet {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const fire = () => {
    since = undefined;
    act();
  };
  return {
    note() {
      since ??= performance.now();
      const restMs = since + longestMs - performance.now();
      clearTimeout(timer);
      timer = setTimeout(fire, Math.max(0, Math.min(quietMs, restMs)));
    },
    close: () => clearTimeout(timer),
  };
}
