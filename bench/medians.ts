// Medians and how sure one may be of them. Knows no bench.

export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Of the median, 95 %: drawn again and again from what was measured. */
export function intervalOf(values: number[]): [number, number] {
  const drawn = Array.from({ length: 2_000 }, () =>
    median(values.map(() => values[Math.floor(Math.random() * values.length)] ?? 0)),
  ).toSorted((a, b) => a - b);
  return [drawn[50] ?? 0, drawn[1_949] ?? 0];
}
