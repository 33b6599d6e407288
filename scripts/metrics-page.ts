import type { Registry } from 'prom-client';

interface RegisteredMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

const ROW = /^\| `(\w+)` +\|(.*)\|$/;
const COLUMNS = '| Metric | Type | Labels | Meaning |';

/**
 * Generates the tables of docs/metrics.md: name, type and meaning of each metric are those of the code. The
 * page decides on sections and order, and says what the values of each label mean.
 *
 * @throws Error when a metric or one of its labels is missing on the page, or is no longer in the code
 */
export function metricsPage(page: string, registry: Registry): string {
  const metrics = registry.getMetricsAsArray() as unknown as RegisteredMetric[]; // prom-client types no members
  const byName = new Map(metrics.map((metric) => [metric.name, metric]));
  const isListed = (name: string): boolean => page.includes(`\`${name}\``);
  const missing = metrics.filter(({ name }) => !isListed(name)).map(({ name }) => name);
  if (missing.length > 0) {
    throw new Error(`docs/metrics.md has no row of ${missing.join(', ')}: add | \`name\` | | | |`);
  }
  return page
    .split('\n')
    .map((line) => {
      const [, name = '', rest = ''] = ROW.exec(line) ?? [];
      const cells = rest.split('|');
      if (cells.length !== 3) return line;
      const metric = byName.get(name);
      if (!metric) throw new Error(`docs/metrics.md has ${name}, which the code has not`);
      return rowOf(metric, cells[1]?.trim() ?? '');
    })
    .map((line) => (/^\| Metric +\| Type/.test(line) ? COLUMNS : line))
    .map((line) => (/^\| -+ \| -+ \| -+ \| -+ \|$/.test(line) ? '|---|---|---|---|' : line))
    .join('\n');
}

/** @param labels what the page says about them: their names in code, each with its values */
function rowOf({ name, type, help, labelNames }: RegisteredMetric, labels: string): string {
  const names = labelNames.filter((label) => label !== 'le');
  const unknown = names.filter((label) => !labels.includes(`\`${label}\``));
  if (unknown.length > 0) {
    throw new Error(`docs/metrics.md does not say what ${unknown.join(', ')} of ${name} is`);
  }
  return `| \`${name}\` | ${type} | ${names.length === 0 ? '–' : labels} | ${help} |`;
}
