import { availableParallelism, cpus } from 'node:os';

/** The machine and runtime that figures were measured on. */
export function machine(): string {
  return `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
}

/** The day of the measurement, such as `2026-01-31`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** @param share from 0 to 1 */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Median and range, such as `12,345 (11,000 to 13,000)`. */
export function spread(samples: readonly number[]): string {
  return `${whole(median(samples))} (${whole(Math.min(...samples))} to ${whole(Math.max(...samples))})`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** A Markdown table, aligned. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, header.map(() => '---'), ...rows];
  const widths = header.map((_name, column) =>
    Math.max(...all.map((cells) => (cells[column] ?? '').length)),
  );
  return all
    .map((cells) => {
      const padded = cells.map((cell, column) =>
        cell === '---' ? '-'.repeat(widths[column] ?? 3) : cell.padEnd(widths[column] ?? 0),
      );
      return `| ${padded.join(' | ')} |`;
    })
    .join('\n');
}
