import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { IssuancePolicy } from './issuance-policy.js';
import { MAX_POLICY_BYTES, policyDocument } from './policy-document.js';

/** The text is not a valid policy. Lists every fault with its line. */
export class InvalidPolicy extends Error {
  override readonly name = 'InvalidPolicy';

  constructor(readonly faults: readonly string[]) {
    super(
      `The issuance policy has ${faults.length === 1 ? 'one fault' : `${faults.length} faults`}: ${faults.join('; ')}`,
    );
  }
}

/** The policy's id in audit entries: the first 128 bits of the SHA-256 of its text, in hex. */
export function policyVersion(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Reads a policy file.
 *
 * Strict, because an ignored condition would widen a rule: unknown and repeated keys, tags, anchors
 * and a second document are refused.
 *
 * @param source YAML 1.2, or JSON, that conforms to docs/issuance-policy.schema.json; bytes of UTF-8
 * @throws InvalidPolicy
 */
export function readPolicy(source: string | Buffer): IssuancePolicy {
  if (Buffer.byteLength(source) > MAX_POLICY_BYTES) {
    throw new InvalidPolicy([`the file is longer than ${MAX_POLICY_BYTES} bytes`]);
  }
  if (typeof source !== 'string' && !isUtf8(source)) {
    throw new InvalidPolicy(['the file is not valid UTF-8']);
  }
  const text = source.toString();
  const lines = new LineCounter();
  const { document, value } = parsed(text, lines);
  const result = policyDocument.safeParse(value);
  if (!result.success) {
    throw new InvalidPolicy(
      result.error.issues
        .flatMap(innermost)
        .slice(0, 20)
        .map((issue) => faultOf(issue, document, lines)),
    );
  }
  return new IssuancePolicy(result.data, policyVersion(text));
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
      throw new InvalidPolicy(
        faults
          .slice(0, 20)
          .map(({ code, pos }) => `line ${lines.linePos(pos[0]).line}: ${messageOf(code)}`),
      );
    }
    return { document, value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    if (error instanceof InvalidPolicy) throw error;
    // Anchors, aliases, or too deep nesting.
    throw new InvalidPolicy(['the file is not plain YAML without anchors and aliases']);
  }
}

/** The library's codes, such as `DUPLICATE_KEY`: its messages may quote the file. */
function messageOf(code: string): string {
  return `not well-formed YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

/** The faults of a union are those of its branch with conditions, rather than of the word `anyone`. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const branch = issue.errors.find((faults) => faults.some(({ code }) => code !== 'invalid_value'));
  const inner = branch?.filter(({ path, code }) => path.length > 0 || code === 'unrecognized_keys');
  if (!inner || inner.length === 0) return [issue];
  return inner.map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
}

function faultOf(
  { path, message }: z.core.$ZodIssue,
  document: Document,
  lines: LineCounter,
): string {
  const line = lineOf(path, document, lines);
  const place = path.length === 0 ? 'the file' : path.map(String).join('.');
  return `${line === undefined ? '' : `line ${line}: `}${place}: ${message}`;
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
