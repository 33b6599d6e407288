import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createContext, Script } from 'node:vm';

interface List<T> {
  readonly Count: number;
  getItem(index: number): T;
}
interface Type {
  readonly Name: string;
  readonly Columns?: List<{ readonly Name: string; readonly Type: Type }>;
}
interface Diagnostic {
  readonly Code: string;
  readonly Message: string;
  readonly Start: number;
}
interface Syntax {
  readonly Kind: number;
  /** Of a token. */
  readonly Text?: string;
  readonly ChildCount: number;
  GetChild(index: number): Syntax | null;
}
/** Something that only the engine reads. */
type Opaque = object;
interface GlobalState {
  WithDatabase(database: Opaque): GlobalState;
}
/** What we use of Kusto.Language; `$ctor…` are its overloaded constructors. */
interface KustoLanguage {
  readonly GlobalState: { readonly Default: GlobalState };
  readonly KustoCode: {
    ParseAndAnalyze(
      query: string,
      globals: GlobalState,
    ): {
      readonly Syntax: Syntax;
      readonly ResultType: Type | null;
      GetDiagnostics(): List<Diagnostic>;
    };
  };
  readonly Syntax: { readonly SyntaxKind: Readonly<Record<string, number>> };
  readonly Symbols: {
    readonly TableSymbol: {
      readonly $ctor7: new (name: string, schema: string, description: null) => Opaque;
    };
    readonly FunctionSymbol: {
      readonly $ctor16: new (
        name: string,
        parameters: string,
        body: string,
        description: null,
      ) => Opaque;
    };
    readonly DatabaseSymbol: {
      readonly $ctor1: new (name: string, members: readonly Opaque[]) => Opaque;
    };
  };
}

let engine: KustoLanguage | undefined;

/** The parser and binder of Azure Data Explorer. Its scripts define globals, so that they run in a context of their own. */
function kustoLanguage(): KustoLanguage {
  if (engine) return engine;
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('@kusto/language-service-next'));
  const context = createContext({});
  for (const script of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
    const filename = join(folder, script);
    new Script(readFileSync(filename, 'utf8'), { filename }).runInContext(context);
  }
  // The package declares its types as globals, in a file that does not compile with `strict`.
  engine = (context as { Kusto: { Language: KustoLanguage } }).Kusto.Language;
  return engine;
}

function itemsOf<T>(list: List<T>): T[] {
  return Array.from({ length: list.Count }, (_, index) => list.getItem(index));
}

/** A part of a query, without its punctuation: parentheses, commas and words such as `where`. */
export interface KqlNode {
  /** As the engine names it, such as `FilterOperator`. */
  readonly kind: string;
  /** As written, without spaces. */
  readonly text: string;
  readonly parts: readonly KqlNode[];
}

export interface KqlAnalysis {
  /** Everything that the engine objects to, as `line:column code message`. */
  readonly problems: readonly string[];
  /** Columns of the result with their types, in their order. */
  readonly columns: Readonly<Record<string, string>>;
}

/** Of a query, which is one statement. */
function syntaxTree(root: Syntax): KqlNode {
  const kinds = new Map(
    Object.entries(kustoLanguage().Syntax.SyntaxKind).map(([name, kind]) => [kind, name]),
  );
  const childrenOf = (syntax: Syntax): Syntax[] =>
    Array.from({ length: syntax.ChildCount }, (_, index) => syntax.GetChild(index) ?? []).flat();
  const textOf = (syntax: Syntax): string =>
    syntax.ChildCount === 0 ? (syntax.Text ?? '') : childrenOf(syntax).map(textOf).join('');
  const partsOf = (syntax: Syntax): KqlNode[] =>
    childrenOf(syntax).flatMap((child) => {
      const kind = kinds.get(child.Kind) ?? '';
      if (/(Token|Keyword|TokenName)$/.test(kind)) return [];
      const parts = partsOf(child);
      if (kind === 'List' || kind === 'SeparatedElement') return parts;
      return [{ kind, text: textOf(child), parts }];
    });
  const [statement, ...others] = partsOf(root);
  if (!statement || others.length > 0) throw new Error('the query is not one statement');
  return statement;
}

/** A function as it is saved in a workspace. */
export interface KqlFunction {
  readonly name: string;
  /** Such as `disabled: bool = false`; empty for none. */
  readonly parameters: string;
  readonly body: string;
}

/** Tables and functions of a Log Analytics workspace, against which queries are checked. Nothing is run. */
export class KqlWorkspace {
  readonly #globals: GlobalState;

  /** @param tables columns with their types, by table */
  constructor(
    tables: Readonly<Record<string, Readonly<Record<string, string>>>>,
    functions: readonly KqlFunction[] = [],
  ) {
    const { GlobalState: State, Symbols: symbols } = kustoLanguage();
    const members = [
      ...Object.entries(tables).map(
        ([name, columns]) => new symbols.TableSymbol.$ctor7(name, `(${schemaOf(columns)})`, null),
      ),
      ...functions.map(
        ({ name, parameters, body }) =>
          new symbols.FunctionSymbol.$ctor16(name, `(${parameters})`, `{${body}\n}`, null),
      ),
    ];
    this.#globals = State.Default.WithDatabase(
      new symbols.DatabaseSymbol.$ctor1('workspace', members),
    );
  }

  analyze(query: string): KqlAnalysis {
    const code = kustoLanguage().KustoCode.ParseAndAnalyze(query, this.#globals);
    const diagnostics = code.GetDiagnostics();
    const columns = code.ResultType?.Columns;
    return {
      problems: itemsOf(diagnostics).map(
        ({ Code: id, Message: text, Start: start }) => `${placeOf(query, start)} ${id} ${text}`,
      ),
      columns: Object.fromEntries(
        columns ? itemsOf(columns).map(({ Name: name, Type: type }) => [name, type.Name]) : [],
      ),
    };
  }

  /** The parts of a query. */
  parse(query: string): KqlNode {
    return syntaxTree(kustoLanguage().KustoCode.ParseAndAnalyze(query, this.#globals).Syntax);
  }

  /** Checks the body of a function, where it may read its parameters. */
  analyzeFunction({ name, parameters, body }: KqlFunction): KqlAnalysis {
    return this.analyze(`let ${name} = (${parameters}) {\n${body}\n};\n${name}()`);
  }
}

function schemaOf(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, type]) => `${name}: ${type}`)
    .join(', ');
}

function placeOf(query: string, start: number): string {
  const before = query.slice(0, start).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}
