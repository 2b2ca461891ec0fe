// The sound of a bell, made without a file. Knows no terminal.

const HERTZ = 660;
const SECONDS = 0.12;
const LOUD = 0.08;
/** A program may ring as often as it likes. */
const REST_MS = 300;

let context: AudioContext | undefined;
let rungAt = -Infinity;

/** Silent until somebody has pressed a key or a button on the page: browsers want that, and would keep what rang before until then. */
export function beep(): void {
  const now = performance.now();
  if (now - rungAt < REST_MS || navigator.userActivation?.hasBeenActive === false) return;
  rungAt = now;
  context ??= new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = HERTZ;
  volume.gain.setValueAtTime(LOUD, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + SECONDS);
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + SECONDS);
}
