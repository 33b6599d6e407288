import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { Language, type Node, Parser } from 'web-tree-sitter';
import { repositoryRoot } from '../support/root.js';

const require = createRequire(import.meta.url);
await Parser.init();
const parser = new Parser().setLanguage(
  await Language.load(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm')),
);

export interface BicepModule {
  readonly name: string;
  /** `br/public:avm/res/…:1.2.3`, or the path of a file of ours from the root. */
  readonly source: string;
  readonly parameters: readonly string[];
  /** Values that stand in its parameters as literals. */
  readonly literals: readonly BicepLiteral[];
}

export interface BicepLiteral {
  /** From the parameter on, such as `containers[].probes[].periodSeconds`. */
  readonly path: string;
  readonly value: string | number;
}

export interface BicepFile {
  readonly path: string;
  readonly text: string;
  /** Places that are no Bicep, as `line: text`. */
  readonly errors: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly isRequired: boolean }[];
  readonly outputs: readonly string[];
  readonly modules: readonly BicepModule[];
  /** Variables that are objects, by name: expressions by key, as written. */
  readonly objects: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** The templates of infra/, by path. Parsed, not compiled: types and functions are not checked. */
export function bicepFiles(): ReadonlyMap<string, BicepFile> {
  const paths = globSync('infra/**/*.bicep', { cwd: repositoryRoot }).sort();
  return new Map(paths.map((path) => [path, parse(path)]));
}

function parse(path: string): BicepFile {
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  const root = parser.parse(text)?.rootNode;
  if (!root) throw new Error(`${path} can not be parsed`);
  const declarations = (type: string): Node[] => root.descendantsOfType(`${type}_declaration`);
  return {
    path,
    text,
    errors: [root, ...root.descendantsOfType('ERROR')]
      .filter(({ isError, isMissing }) => isError || isMissing)
      .map((node) => `${node.startPosition.row + 1}: ${node.text}`)
      .concat(root.hasError ? ['has an error'] : []),
    parameters: declarations('parameter').map((node) => ({
      name: nameOf(node),
      isRequired: node.namedChildren.length === 2,
    })),
    outputs: declarations('output').map(nameOf),
    modules: declarations('module').map((node) => {
      const given = propertiesOf(node.descendantsOfType('object')[0]).get('params');
      const source = textOf(node.descendantsOfType('string')[0]);
      return {
        name: nameOf(node),
        source: source.startsWith('br/') ? source : normalize(join(dirname(path), source)),
        parameters: [...propertiesOf(given).keys()],
        literals: given ? literalsIn(given, '') : [],
      };
    }),
    objects: new Map(
      declarations('variable').flatMap((node) => {
        const value = node.namedChildren.at(-1);
        if (value?.type !== 'object') return [];
        const expressions = [...propertiesOf(value)].map(
          ([name, expression]) => [name, expression.text] as const,
        );
        return [[nameOf(node), Object.fromEntries(expressions)] as const];
      }),
    ),
  };
}

function nameOf(declaration: Node): string {
  return declaration.namedChildren[0]?.text ?? '';
}

function textOf(node: Node | undefined): string {
  return node?.text.slice(1, -1) ?? '';
}

function propertiesOf(node: Node | undefined): Map<string, Node> {
  const found = new Map<string, Node>();
  for (const property of node?.type === 'object' ? node.namedChildren : []) {
    const [key] = property.namedChildren;
    const value = property.namedChildren.at(-1);
    if (property.type === 'object_property' && key && value) {
      found.set(key.text.replaceAll("'", ''), value);
    }
  }
  return found;
}

/** Of objects and arrays, and of both results of a condition. */
function literalsIn(node: Node, path: string): readonly BicepLiteral[] {
  switch (node.type) {
    case 'object':
      return [...propertiesOf(node)].flatMap(([name, value]) =>
        literalsIn(value, path === '' ? name : `${path}.${name}`),
      );
    case 'array':
      return node.namedChildren.flatMap((item) => literalsIn(item, `${path}[]`));
    case 'ternary_expression':
      return node.namedChildren.slice(1).flatMap((result) => literalsIn(result, path));
    case 'for_statement':
      return node.namedChildren.slice(-1).flatMap((item) => literalsIn(item, `${path}[]`));
    case 'string':
      return node.text.includes('${') ? [] : [{ path, value: textOf(node) }];
    case 'number':
    case 'unary_expression':
      return Number.isNaN(Number(node.text)) ? [] : [{ path, value: Number(node.text) }];
    default:
      return [];
  }
}
