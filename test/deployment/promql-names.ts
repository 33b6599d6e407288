const FUNCTIONS_AND_WORDS = new Set(
  `abs absent and bool by changes count group group_left histogram_quantile ignoring increase max max_over_time min
   offset on or rate sum time unless vector without`.split(/\s+/),
);
const GROUPING = /\b(?:by|on|without|ignoring) \(([^)]*)\)/g;
const SERIES_OF_HISTOGRAMS = /_(bucket|sum|count)$/;

export interface NamedMetric {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** The metrics of a PromQL expression, with the labels that select their series. */
export function metricsIn(expression: string): NamedMetric[] {
  const rest = withoutTexts(expression)
    .replaceAll(GROUPING, ' ')
    .replaceAll(/\[[^\]]*\]|offset \w+/g, ' ');
  return [...rest.matchAll(/(?<![\w.$])([A-Za-z_:][\w:]*)(?:\{([^}]*)\})?/g)]
    .filter(([, name = '', selector]) => selector !== undefined || !FUNCTIONS_AND_WORDS.has(name))
    .map(([, name = '', selector = '']) => ({
      metric: name.replace(SERIES_OF_HISTOGRAMS, ''),
      labels: [...selector.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label),
    }));
}

/** The labels that an expression groups or joins by, of any of its metrics. */
export function groupingsIn(expression: string): string[] {
  return [...withoutTexts(expression).matchAll(GROUPING)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((word) => word.trim())
      .filter(Boolean),
  );
}

/** The metrics of docs/metrics.md with everything that stands in code beside them, which has their labels. */
export function documentedMetrics(page: string): Map<string, Set<string>> {
  return new Map(
    page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => {
        const [first = '', ...others] = line.split('|').slice(1);
        const codes = new Set(others.flatMap(codeIn));
        return codeIn(first).map((name) => [name, codes] as const);
      }),
  );
}

function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function withoutTexts(expression: string): string {
  return expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
}
