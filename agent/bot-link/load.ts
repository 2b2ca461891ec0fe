// How busy the node is: all cores over the last minute, all memory now. Knows no bot.
import { cpus, freemem, totalmem } from 'node:os';
import type { Load } from '../protocol.ts';

const WINDOW_MS = 60_000;

/** Of all cores together since the system started, in any unit. */
export interface Times {
  busy: number;
  all: number;
}

interface Sample extends Times {
  at: number;
}

/** Each call looks back to the call that is nearest to a minute ago; the first one to the start of the system. */
export function createLoadMeter(read: () => Times = readTimes, now = () => performance.now()): () => Load {
  let samples: Sample[] = [{ at: now(), busy: 0, all: 0 }];
  return () => {
    const sample = { ...read(), at: now() };
    // The newest that is old enough stays, and all after it.
    const start = samples.findLastIndex(({ at }) => sample.at - at >= WINDOW_MS);
    samples = [...samples.slice(Math.max(0, start)), sample];
    const [first = sample] = samples;
    const all = sample.all - first.all;
    const cpu = all > 0 ? (sample.busy - first.busy) / all : 0;
    return { cpu: Math.min(1, Math.max(0, cpu)), memory: 1 - freemem() / totalmem() };
  };
}

function readTimes(): Times {
  const sum: Times = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const all = Object.values(times).reduce((total, time) => total + time, 0);
    sum.all += all;
    sum.busy += all - times.idle;
  }
  return sum;
}
