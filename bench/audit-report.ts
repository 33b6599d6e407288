import { machine, today } from './figures.js';

/** One measured figure and its goal. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  /** Absent where the figure only explains another one. */
  readonly goal?: { readonly text: string; readonly isMet: boolean };
}

/** The figures of one part and how they were measured. */
export interface PartReport {
  readonly title: string;
  readonly how: string;
  readonly figures: readonly Figure[];
}

/** A part as Markdown, with met and missed goals. */
export function auditReport({ title, how, figures }: PartReport, command: string): string {
  return [
    `# The audit log: ${title.toLowerCase()}`,
    `\`${command}\` on ${today()}, ${machine()}; load, service and PostgreSQL on the same cores.`,
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

function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, measured, goal }) => {
    const verdict = goal === undefined ? '' : goal.isMet ? 'met' : '**missed**';
    return `| ${what} | ${measured} | ${goal?.text ?? ''} | ${verdict} |`;
  });
  return ['| What | Measured | Goal | |', '|---|---|---|---|', ...rows].join('\n');
}
