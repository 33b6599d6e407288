import { BlockList, isIP } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** An entry as sinks with the format `ndjson` get it. */
export type SigmaEvent = Readonly<Record<string, unknown>>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const items = z.record(z.string(), z.union([scalar, z.array(scalar)]));
const logsource = z.strictObject({
  product: z.literal('acs-identity'),
  service: z.literal('audit'),
});
const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'] as const;
const common = {
  title: z.string().min(1).max(256),
  id: z.uuid(),
  status: z.enum(['stable', 'test', 'experimental']),
  description: z.string(),
  author: z.string(),
  date: z.iso.date(),
  falsepositives: z.array(z.string()).optional(),
  tags: z.array(z.string().regex(/^attack\.(t\d{4}(\.\d{3})?|[a-z-]+)$/)).optional(),
  level: z.enum(LEVELS),
};
const detectionRule = z.strictObject({
  ...common,
  name: z.string().optional(),
  logsource,
  detection: z.looseObject({ condition: z.string() }).transform(({ condition, ...searches }) => ({
    condition,
    searches: z.record(z.string(), items).parse(searches),
  })),
});
const correlationRule = z.strictObject({
  ...common,
  correlation: z.strictObject({
    type: z.enum(['event_count', 'value_count', 'value_sum', 'temporal_ordered']),
    rules: z.array(z.string()).min(1),
    'group-by': z.array(z.string()).min(1),
    timespan: z.string().regex(/^\d+[smhd]$/),
    condition: z.strictObject({ gte: z.int().min(2), field: z.string().optional() }).optional(),
  }),
});

type DetectionRule = z.output<typeof detectionRule>;
type Correlation = z.output<typeof correlationRule>['correlation'];

const UNITS_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

/**
 * A Sigma rule, with the constructs that the rules of this repository use. Others are refused, so that no rule
 * passes because a part of it was ignored.
 */
export class SigmaRule {
  readonly rule: DetectionRule | z.output<typeof correlationRule>;
  readonly #parts: ReadonlyMap<string, DetectionRule>;

  /** @param text the documents of one file: a rule alone, or parts and their correlation */
  constructor(text: string) {
    const documents = parseAllDocuments(text).map((document) => document.toJS() as unknown);
    const last = documents.at(-1);
    const parts = documents.slice(0, -1).map((part) => detectionRule.parse(part));
    this.rule = isCorrelation(last) ? correlationRule.parse(last) : detectionRule.parse(last);
    this.#parts = new Map(parts.map((part) => [part.name ?? '', part]));
  }

  /** Whether the rule fires on events, which are in the order of their times. */
  firesOn(events: readonly SigmaEvent[]): boolean {
    return events.some(this.watch());
  }

  /** @returns a function that says of each next event, in the order of times, whether the rule fires on it */
  watch(): (event: SigmaEvent) => boolean {
    const { rule } = this;
    if ('detection' in rule) return (event) => matches(rule, event);
    const { correlation } = rule;
    const parts = correlation.rules.map((name) => {
      const part = this.#parts.get(name);
      if (!part) throw new Error(`no rule is called ${name}`);
      return part;
    });
    return watchOf(correlation, parts);
  }
}

function isCorrelation(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'correlation' in document;
}

interface Hit {
  readonly part: number;
  readonly at: number;
  readonly value: unknown;
}

function watchOf(
  correlation: Correlation,
  parts: readonly DetectionRule[],
): (event: SigmaEvent) => boolean {
  const spanMs =
    Number.parseInt(correlation.timespan) * (UNITS_MS[correlation.timespan.at(-1) ?? ''] ?? 0);
  const groups = new Map<string, Hit[]>();
  return (event) => {
    const part = parts.findIndex((one) => matches(one, event));
    const keys = correlation['group-by'].map((field) => valueAt(event, field));
    if (part < 0 || keys.includes(undefined)) return false;
    const at = Date.parse(String(valueAt(event, 'entry.recordedAt')));
    const field = correlation.condition?.field;
    const value = field === undefined ? undefined : valueAt(event, field);
    const key = JSON.stringify(keys);
    const hits = (groups.get(key) ?? []).filter((hit) => at - hit.at <= spanMs);
    hits.push({ part, at, value });
    groups.set(key, hits);
    return isMet(correlation, hits);
  };
}

function isMet({ type, rules, condition }: Correlation, hits: readonly Hit[]): boolean {
  switch (type) {
    case 'event_count':
      return hits.length >= (condition?.gte ?? Infinity);
    case 'value_count':
      return new Set(hits.map(({ value }) => value)).size >= (condition?.gte ?? Infinity);
    case 'value_sum':
      return (
        hits.reduce((sum, { value }) => sum + Number(value), 0) >= (condition?.gte ?? Infinity)
      );
    case 'temporal_ordered': {
      let next = 0;
      for (const { part } of hits) if (part === next) next += 1;
      return next === rules.length;
    }
  }
}

/** `name`, joined by `and`, each with an optional `not`. */
function matches(
  { detection: { condition, searches } }: DetectionRule,
  event: SigmaEvent,
): boolean {
  return condition.split(' and ').every((term) => {
    const [, not, name = ''] = /^(not )?(\w+)$/.exec(term) ?? [];
    const search = searches[name];
    if (!search) throw new Error(`the condition "${condition}" is not supported`);
    const isFound = Object.entries(search).every(([item, wanted]) => holds(item, wanted, event));
    return isFound !== (not !== undefined);
  });
}

function holds(item: string, wanted: z.output<typeof items>[string], event: SigmaEvent): boolean {
  const [field = '', modifier] = item.split('|', 2);
  const actual = valueAt(event, field);
  const alternatives = [wanted].flat();
  switch (modifier) {
    case undefined:
      // Sigma compares texts without case, and knows wildcards, which these rules don't use.
      return alternatives.some((one) => String(one).toLowerCase() === String(actual).toLowerCase());
    case 'exists':
      return (actual !== undefined) === wanted;
    case 'gte':
      return typeof actual === 'number' && actual >= Number(wanted);
    case 'cidr':
      return alternatives.some((one) => isWithin(String(one), String(actual)));
    case 'hour':
      return alternatives.includes(new Date(String(actual)).getUTCHours());
    default:
      throw new Error(`the modifier ${modifier} is not supported`);
  }
}

function isWithin(network: string, address: string): boolean {
  const [start = '', prefix] = network.split('/');
  const type = isIP(start) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(start, Number(prefix), type);
  return isIP(address) === isIP(start) && list.check(address, type);
}

function valueAt(event: SigmaEvent, path: string): unknown {
  return path.split('.').reduce<unknown>(
    (holder, name) =>
      typeof holder === 'object' && holder !== null
        ? (holder as Record<string, unknown>)[name] // narrowed to an object
        : undefined,
    event,
  );
}
