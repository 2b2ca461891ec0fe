// What the bench of terminals measures, and how it is shown: medians, ratios within rounds, and how sure they are. Measures nothing.
import { intervalOf, median } from './medians.ts';

const METRICS = {
  cooked: 'throughput, a usual tty, MB/s',
  raw: 'throughput, a raw tty, MB/s',
  cpu: 'CPU of the server, s/GB',
  echo50: 'echo, idle, p50, ms',
  echo99: 'echo, idle, p99, ms',
  busy50: 'echo beside a flood, p50, ms',
  busy99: 'echo beside a flood, p99, ms',
  interrupt: 'Ctrl-C in a flood, ms',
  peak: 'waits at the viewer in a flood, KB',
  start: 'memory of the server, MB',
  terminal: 'memory of one idle terminal, KB',
} as const;
type Metric = keyof typeof METRICS;
export type Figures = Partial<Record<Metric, number>>;
/** By what was measured, in the order of the rounds. */
export type Rounds = Map<string, Figures[]>;

export function listFigures(rounds: Rounds): { metric: string; variant: string; samples: number[] }[] {
  return [...rounds].flatMap(([variant, figures]) =>
    (Object.keys(METRICS) as Metric[]).flatMap((metric) => {
      const samples = figures.flatMap((one) => one[metric] ?? []);
      return samples.length > 0 ? [{ metric, variant, samples }] : [];
    }),
  );
}

export function showFigures(rounds: Rounds): void {
  const cell = (text: string) => text.padStart(10);
  const others = [...rounds.keys()].filter((name) => name !== 'sam');
  console.log(
    `${''.padEnd(38)}${[...rounds.keys()].map(cell).join('')}${others.map((name) => `  ${`sam / ${name}`.padEnd(22)}`).join('')}`,
  );
  for (const [metric, label] of Object.entries(METRICS) as [Metric, string][]) {
    const of = (name: string) => (rounds.get(name) ?? []).flatMap((one) => one[metric] ?? []);
    const medians = [...rounds.keys()].map((name) =>
      of(name).length > 0 ? median(of(name)).toFixed(2) : '-',
    );
    const ratios = others.map((name) => `  ${ratioOf(of('sam'), of(name)).padEnd(22)}`);
    console.log(`${label.padEnd(38)}${medians.map(cell).join('')}${ratios.join('')}`);
  }
}

/** Round by round: both were measured in the same minute. */
function ratioOf(own: number[], others: number[]): string {
  if (others.length === 0) return '-';
  const ratios = own.map((value, round) => value / (others[round] ?? Number.NaN));
  const [low, high] = intervalOf(ratios);
  return `${median(ratios).toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`;
}
