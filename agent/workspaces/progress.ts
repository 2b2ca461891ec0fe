// The progress meters of git, for a log that people read. Pure but for the clock.

/** Lets through one line of a progress meter a second, and every other line. */
export function throttleProgress(
  write: (line: string) => void,
  now = () => performance.now(),
): (line: string) => void {
  let lastAt = -Infinity;
  return (line) => {
    const isMeter = /\d+%/.test(line) && !/done\.?$/.test(line);
    if (isMeter && now() - lastAt < 1_000) return;
    if (isMeter) lastAt = now();
    write(line);
  };
}
