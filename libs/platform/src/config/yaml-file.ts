import { isUtf8 } from 'node:buffer';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { faultMessage } from '../errors/fault-message.js';

const MAX_LISTED_FAULTS = 20;

/** A file of an operator is not what its schema demands. Lists every fault with its line. */
export class InvalidYamlFile extends Error {
  override readonly name = 'InvalidYamlFile';

  constructor(readonly faults: readonly string[]) {
    super(faults.join('; '));
  }
}

/**
 * Reads a YAML 1.2 or JSON file.
 *
 * Strict, because an ignored line may change what the file means: repeated keys, tags, anchors and a second
 * document are refused, and unknown keys if the schema refuses them.
 *
 * @param source bytes of UTF-8
 * @throws InvalidYamlFile whose messages never quote the file, except for names of the schema
 */
export function readYamlFile<T>(
  source: string | Buffer,
  schema: z.ZodType<T>,
  maxBytes: number,
): T {
  if (Buffer.byteLength(source) > maxBytes) {
    throw new InvalidYamlFile([`the file is longer than ${maxBytes} bytes`]);
  }
  if (typeof source !== 'string' && !isUtf8(source)) {
    throw new InvalidYamlFile(['the file is not valid UTF-8']);
  }
  const lines = new LineCounter();
  const { document, value } = parsed(source.toString(), lines);
  if (document.contents === null) throw new InvalidYamlFile(['the file is empty']);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InvalidYamlFile(
    result.error.issues
      .flatMap(innermost)
      .slice(0, MAX_LISTED_FAULTS)
      .map((issue) => faultOf(issue, document, lines)),
  );
}

function parsed(text: string, lines: LineCounter): { document: Document; value: unknown } {
  try {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
    });
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      throw new InvalidYamlFile(
        faults
          .slice(0, MAX_LISTED_FAULTS)
          .map(({ code, pos }) => `line ${lines.linePos(pos[0]).line}: ${messageOf(code)}`),
      );
    }
    return { document, value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    if (error instanceof InvalidYamlFile) throw error;
    // Anchors, aliases, or too deep nesting.
    throw new InvalidYamlFile(['the file is not plain YAML without anchors and aliases']);
  }
}

/** The library's codes, such as `DUPLICATE_KEY`: its messages may quote the file. */
function messageOf(code: string): string {
  return `not well-formed YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

/** The faults of a union are those of its branch with members, rather than of a literal. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const branch = issue.errors.find((faults) => faults.some(({ code }) => code !== 'invalid_value'));
  const inner = branch?.filter(({ path, code }) => path.length > 0 || code === 'unrecognized_keys');
  if (!inner || inner.length === 0) return [issue];
  return inner.map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
}

function faultOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): string {
  const { path } = issue;
  const line = lineOf(path, document, lines);
  const place = path.length === 0 ? 'the file' : path.map(String).join('.');
  return `${line === undefined ? '' : `line ${line}: `}${place}: ${faultMessage(issue)}`;
}

/** The line of the faulty node, or of its nearest existing parent. */
function lineOf(
  path: readonly PropertyKey[],
  document: Document,
  lines: LineCounter,
): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}
