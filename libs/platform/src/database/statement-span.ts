import { SpanKind, type SpanOptions } from '@opentelemetry/api';

type Span = readonly [name: string, options: SpanOptions];

const WRITE =
  /\b(INSERT(?= INTO)|DELETE(?= FROM)|(?<!\b(?:DO|FOR) )UPDATE)\s+(?:INTO\s+|FROM\s+)?(?:ONLY\s+)?([a-z_]\w*)/i;
/** Neither of a function nor of `extract(epoch FROM …)`. */
const READ = /(?<!\bepoch )\bFROM\s+([a-z_]\w*)\b(?!\s*[(…])/gi;
const QUERY_NAME = /\b([a-z_]\w*)\s+AS\s+(?:MATERIALIZED\s+)?\(/gi;
const FUNCTION = /\bSELECT\s+([a-z_]\w*)\(/i;
/** Statements are constants of the code, but some are put together from parts. */
const MAX_SPANS = 500;

const spans = new Map<string, Span>();

/**
 * The span of a statement by the semantic conventions of OpenTelemetry, without its text and parameters. It
 * includes the wait for a connection.
 */
export function statementSpan(text: string): Span {
  const known = spans.get(text);
  if (known) return known;
  const span = spanOf(...summaryOf(text));
  if (spans.size < MAX_SPANS) spans.set(text, span);
  return span;
}

export const TRANSACTION_SPAN: Span = spanOf('transaction');

/** What the statement does, and the table or function that it does it with. */
function summaryOf(text: string): [operation: string, place?: string] {
  const [, write, changed] = WRITE.exec(text) ?? [];
  if (write !== undefined && changed !== undefined) return [write.toUpperCase(), changed];
  const [operation = 'SQL'] = /[a-z]+/i.exec(text) ?? [];
  const names = new Set([...text.matchAll(QUERY_NAME)].map(([, name]) => name));
  // The outermost query that reads a table names the span.
  const read = withoutInnerQueries(text)
    .flatMap((part) => [...part.matchAll(READ)])
    .map(([, name]) => name)
    .find((name) => !names.has(name));
  const place = read ?? FUNCTION.exec(text)?.[1];
  const verb = operation.toUpperCase() === 'WITH' ? 'SELECT' : operation.toUpperCase();
  return place === undefined ? [verb] : [verb, place];
}

/** The statement without its inner queries, then with one level of them after the other. */
function withoutInnerQueries(text: string): string[] {
  const shorter = text.replaceAll(/\([^()]*\)/g, '…');
  return shorter === text ? [text] : [...withoutInnerQueries(shorter), text];
}

function spanOf(operation: string, place?: string): Span {
  const summary = place === undefined ? operation : `${operation} ${place}`;
  const attributes = {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.query.summary': summary,
    ...(place !== undefined && { 'db.collection.name': place }),
  };
  return [summary, { kind: SpanKind.CLIENT, attributes }];
}
