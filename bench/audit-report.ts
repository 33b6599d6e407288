import { availableParallelism, cpus } from 'node:os';

/** One figure that was measured, and what it was held against. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  /** Absent where the figure only explains another one. */
  readonly goal?: { readonly text: string; readonly isMet: boolean };
}

/** The figures of one part, and how they came about. */
export interface PartReport {
  readonly title: string;
  readonly how: string;
  readonly figures: readonly Figure[];
}

/** What the benchmark writes down, missed goals no less than others. */
export function auditReport({ title, how, figures }: PartReport, command: string): string {
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
  return [
    `# The audit log: ${title.toLowerCase()}`,
    `\`${command}\` on ${new Date().toISOString().slice(0, 10)}, ${machine}; load, service and PostgreSQL on the same cores.`,
    how,
    tableOf(figures),
  ]
    .join('\n\n')
    .concat('\n');
}

/** A part as the terminal shows it. */
export function partText({ title, figures }: PartReport): string {
  const lines = figures.map(({ what, measured, goal }) => {
    const verdict = goal === undefined ? '' : ` (${goal.text}: ${goal.isMet ? 'met' : 'MISSED'})`;
    return `  ${what}: ${measured}${verdict}`;
  });
  return [title, ...lines].join('\n');
}

export function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? NaN;
}

/** Such as `12,345 (11,000 to 13,000)`. */
export function spread(samples: readonly number[]): string {
  return `${whole(median(samples))} (${whole(Math.min(...samples))} to ${whole(Math.max(...samples))})`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, measured, goal }) => {
    const verdict = goal === undefined ? '' : goal.isMet ? 'met' : '**missed**';
    return `| ${what} | ${measured} | ${goal?.text ?? ''} | ${verdict} |`;
  });
  return ['| What | Measured | Goal | |', '|---|---|---|---|', ...rows].join('\n');
}
