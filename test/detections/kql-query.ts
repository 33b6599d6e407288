import { BlockList, isIP } from 'node:net';
import type { KqlNode } from './kql-workspace.js';

/** Instants and spans are milliseconds; `undefined` is null. */
type Value = string | number | boolean | object | undefined;
export type KqlRow = Readonly<Record<string, Value>>;
type Scalar = (row: KqlRow) => Value;
type Step = (rows: readonly KqlRow[]) => KqlRow[];

const UNITS_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

/**
 * A query of KQL that can be run, with the operators and functions that the rules of this repository use. Others
 * are refused, so that no rule passes because a part of it was ignored.
 */
export class KqlQuery {
  readonly #query: KqlNode;

  /** @param statement of `KqlWorkspace.parse` */
  constructor(statement: KqlNode) {
    this.#query = part(statement, 0);
  }

  /**
   * @param table the rows of the only table that the query reads
   * @param now the instant from which `ago` counts
   */
  run(table: readonly KqlRow[], now: number): KqlRow[] {
    return tabular(withInstants(this.#query, now))(table);
  }
}

/** With the instant that each `ago` stands for. */
function withInstants(node: KqlNode, now: number): KqlNode {
  if (node.kind !== 'FunctionCallExpression' || part(node, 0).text !== 'ago')
    return { ...node, parts: node.parts.map((one) => withInstants(one, now)) };
  const before = scalar(part(part(node, 1), 0))({});
  return { kind: 'LongLiteralExpression', text: String(now - Number(before)), parts: [] };
}

function tabular(node: KqlNode): (table: readonly KqlRow[]) => KqlRow[] {
  switch (node.kind) {
    case 'NameReference':
      return (table) => [...table];
    case 'ParenthesizedExpression':
      return tabular(part(node, 0));
    case 'PipeExpression': {
      const [source, operator] = [tabular(part(node, 0)), part(node, 1)];
      if (operator.kind !== 'JoinOperator') {
        const step = stepOf(operator);
        return (table) => step(source(table));
      }
      const joined = join(operator);
      return (table) => joined(source(table), table);
    }
    default:
      throw new Error(`${node.kind} is not supported: ${node.text}`);
  }
}

function stepOf(node: KqlNode): Step {
  switch (node.kind) {
    case 'FilterOperator': {
      const condition = scalar(part(node, 0));
      return (rows) => rows.filter((row) => condition(row) === true);
    }
    case 'ExtendOperator': {
      const extension = projected(node.parts);
      return (rows) => rows.map((row) => ({ ...row, ...extension(row) }));
    }
    case 'ProjectOperator': {
      const project = projected(node.parts);
      return (rows) => rows.map(project);
    }
    case 'MvExpandOperator': {
      const [name, list] = named(part(part(node, 0), 0));
      return (rows) =>
        rows.flatMap((row) => (list(row) as Value[]).map((one) => ({ ...row, [name]: one }))); // of range()
    }
    case 'SummarizeOperator':
      return summarize(node.parts);
    default:
      throw new Error(`${node.kind} is not supported: ${node.text}`);
  }
}

function join(node: KqlNode): (left: readonly KqlRow[], table: readonly KqlRow[]) => KqlRow[] {
  const [kind, source, on] = [part(node, 0), tabular(part(node, 1)), part(node, 2)];
  if (kind.text !== 'kind=inner') throw new Error(`${kind.text} is not supported`);
  const keyOf = keyOn(on.parts.map(({ text }) => text));
  return (left, table) => {
    const right = Map.groupBy(source(table), keyOf);
    return left.flatMap((row) =>
      (right.get(keyOf(row)) ?? []).map((other) => ({ ...other, ...row })),
    );
  };
}

function summarize(parts: readonly KqlNode[]): Step {
  const by = parts.filter(({ kind }) => kind === 'SummarizeByClause').flatMap((one) => one.parts);
  const group = projected(by);
  const aggregates = parts.filter(({ kind }) => kind !== 'SummarizeByClause').map(aggregate);
  return (rows) =>
    [...Map.groupBy(rows, (row) => JSON.stringify(Object.values(group(row)))).values()].map(
      (members) =>
        Object.assign(
          {},
          ...members.slice(0, 1).map(group),
          ...aggregates.map((one) => one(members)),
        ) as KqlRow, // of rows
    );
}

function aggregate(node: KqlNode): (rows: readonly KqlRow[]) => KqlRow {
  const isNamed = node.kind === 'SimpleNamedExpression';
  const call = isNamed ? part(node, 1) : node;
  const name = isNamed ? part(node, 0).text : node.text;
  const operands = part(call, 1).parts;
  const [value = (): Value => undefined] = operands.map(scalar);
  const numbers = (rows: readonly KqlRow[]): number[] => rows.map(value).map(Number);
  switch (part(call, 0).text) {
    case 'count':
      return (rows) => ({ [name]: rows.length });
    case 'count_distinct':
      return (rows) => ({ [name]: new Set(rows.map(value)).size });
    case 'sum':
      return (rows) => ({ [name]: numbers(rows).reduce((a, b) => a + b, 0) });
    case 'min':
      return (rows) => ({ [name]: numbers(rows).reduce((a, b) => Math.min(a, b), Infinity) });
    case 'max':
      return (rows) => ({ [name]: numbers(rows).reduce((a, b) => Math.max(a, b), -Infinity) });
    case 'take_any':
      return ([row]) => ({ [name]: row && value(row) });
    case 'arg_max':
      return (rows) => {
        const [best = {}] = rows.toSorted((a, b) => Number(value(b)) - Number(value(a)));
        return projected(operands)(best);
      };
    default:
      throw new Error(`the aggregation ${call.text} is not supported`);
  }
}

/** Columns with the names that a list of expressions gives them. */
function projected(parts: readonly KqlNode[]): (row: KqlRow) => KqlRow {
  const columns = parts.map(named);
  return (row) => Object.fromEntries(columns.map(([name, value]) => [name, value(row)]));
}

function named(node: KqlNode): [name: string, value: Scalar] {
  if (node.kind === 'SimpleNamedExpression') return [part(node, 0).text, scalar(part(node, 1))];
  return [node.text, scalar(node)];
}

function scalar(node: KqlNode): Scalar {
  const operand = (nth: number): Scalar => scalar(part(node, nth));
  const compared = (compare: (a: number, b: number) => boolean): Scalar => {
    const [left, right] = [operand(0), operand(1)];
    return (row) => {
      const [a, b] = [left(row), right(row)];
      return typeof a === 'number' && typeof b === 'number' ? compare(a, b) : undefined;
    };
  };
  switch (node.kind) {
    case 'NameReference':
      return (row) => row[node.text];
    case 'StringLiteralExpression':
      return constant(node.text.slice(1, -1));
    case 'LongLiteralExpression':
      return constant(Number(node.text));
    case 'BooleanLiteralExpression':
      return constant(node.text === 'true');
    case 'TimespanLiteralExpression':
      return constant(Number.parseInt(node.text) * (UNITS_MS[node.text.slice(-1)] ?? Number.NaN));
    case 'DynamicExpression':
      return constant(JSON.parse(node.text.slice('dynamic('.length, -1)) as object);
    case 'PathExpression':
    case 'ElementExpression': {
      const [holder, name] = [operand(0), part(node, 1).text.replaceAll(/[[\]"]/g, '')];
      return (row) => (holder(row) as Readonly<Record<string, Value>> | undefined)?.[name]; // a dynamic
    }
    case 'AndExpression': {
      const [left, right] = [operand(0), operand(1)];
      return (row) => left(row) === true && right(row) === true;
    }
    case 'OrExpression': {
      const [left, right] = [operand(0), operand(1)];
      return (row) => left(row) === true || right(row) === true;
    }
    case 'EqualExpression': {
      const [left, right] = [operand(0), operand(1)];
      return (row) => left(row) === right(row);
    }
    case 'NotEqualExpression': {
      // Null and a value are not equal.
      const [left, right] = [operand(0), operand(1)];
      return (row) => left(row) !== right(row);
    }
    case 'GreaterThanExpression':
      return compared((a, b) => a > b);
    case 'GreaterThanOrEqualExpression':
      return compared((a, b) => a >= b);
    case 'LessThanExpression':
      return compared((a, b) => a < b);
    case 'SubtractExpression': {
      const [left, right] = [operand(0), operand(1)];
      return (row) => Number(left(row)) - Number(right(row));
    }
    case 'InExpression': {
      const [value, among] = [operand(0), part(node, 1).parts.map(scalar)];
      return (row) => among.some((one) => one(row) === value(row));
    }
    case 'NotInExpression': {
      const isAmong = scalar({ ...node, kind: 'InExpression' });
      return (row) => isAmong(row) !== true;
    }
    case 'BetweenExpression': {
      const [value, first, second] = [operand(0), part(part(node, 1), 0), part(part(node, 1), 1)];
      const [from, to] = [scalar(first), scalar(second)];
      const isSpan = second.kind === 'TimespanLiteralExpression';
      return (row) => {
        const [at, start] = [Number(value(row)), Number(from(row))];
        return at >= start && at <= Number(to(row)) + (isSpan ? start : 0);
      };
    }
    case 'FunctionCallExpression': {
      const call = functionOf(part(node, 0).text);
      const operands = part(node, 1).parts.map(scalar);
      return (row) => call(operands.map((one) => one(row)));
    }
    default:
      throw new Error(`${node.kind} is not supported: ${node.text}`);
  }
}

function functionOf(name: string): (values: readonly Value[]) => Value {
  switch (name) {
    case 'isnotempty':
      return ([value]) => value !== undefined && value !== '';
    case 'isnull':
      return ([value]) => value === undefined;
    case 'coalesce':
      return (values) => values.find((value) => value !== undefined);
    case 'tobool':
      return ([value]) => (typeof value === 'boolean' ? value : undefined);
    case 'toint':
      return ([value]) => (typeof value === 'number' ? Math.trunc(value) : undefined);
    case 'tostring':
      return ([value]) => (typeof value === 'string' ? value : '');
    case 'max_of':
      return (values) => Math.max(...values.map(Number));
    case 'hourofday':
      return ([at]) => new Date(Number(at)).getUTCHours();
    case 'bin':
      return ([value, step]) => Math.floor(Number(value) / Number(step)) * Number(step);
    case 'range':
      return ([from, to, step]) =>
        Array.from(
          { length: Math.floor((Number(to) - Number(from)) / Number(step)) + 1 },
          (_, nth) => Number(from) + nth * Number(step),
        );
    case 'ipv4_is_in_any_range':
      return ([address, ranges]) => isInAnyRange(4, address, ranges as readonly string[]); // a dynamic list
    case 'ipv6_is_in_any_range':
      return ([address, ranges]) => isInAnyRange(6, address, ranges as readonly string[]); // a dynamic list
    default:
      throw new Error(`the function ${name} is not supported`);
  }
}

/** @returns null when the address is not one of the family */
function isInAnyRange(
  family: 4 | 6,
  address: Value,
  ranges: readonly string[],
): boolean | undefined {
  if (typeof address !== 'string' || isIP(address) !== family) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/');
    list.addSubnet(network, Number(prefix), `ipv${family}`);
  }
  return list.check(address, `ipv${family}`);
}

function constant(value: Value): Scalar {
  return () => value;
}

function keyOn(names: readonly string[]): (row: KqlRow) => string {
  return (row) => JSON.stringify(names.map((name) => row[name]));
}

function part({ parts, text }: KqlNode, nth: number): KqlNode {
  const found = parts[nth];
  if (!found) throw new Error(`a part of ${text} is missing`);
  return found;
}
