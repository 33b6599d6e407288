import { createHash } from 'node:crypto';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { IssuancePolicy } from './issuance-policy.js';
import { MAX_POLICY_BYTES, policyDocument } from './policy-document.js';

/** The text is no policy. Lists every fault with its place. */
export class InvalidPolicy extends Error {
  override readonly name = 'InvalidPolicy';

  constructor(readonly faults: readonly string[]) {
    super(
      `The issuance policy has ${faults.length === 1 ? 'one fault' : `${faults.length} faults`}: ${faults.join('; ')}`,
    );
  }
}

/** What an audit entry calls the policy: 128 bits of the SHA-256 of its text, so that the file can be found. */
export function policyVersion(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Reads a policy file.
 *
 * Strict, because what is ignored widens: unknown and repeated keys, tags, anchors and a second
 * document are refused.
 *
 * @param text YAML 1.2 (so JSON too) after docs/issuance-policy.schema.json
 * @throws InvalidPolicy
 */
export function readPolicy(text: string): IssuancePolicy {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new InvalidPolicy([`the file is longer than ${MAX_POLICY_BYTES} bytes`]);
  }
  const lines = new LineCounter();
  const { document, value } = parsed(text, lines);
  const result = policyDocument.safeParse(value);
  if (!result.success) {
    throw new InvalidPolicy(
      result.error.issues
        .flatMap(innermost)
        .slice(0, 20)
        .map((issue) => described(issue, document, lines)),
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
          .map(({ code, pos }) => `line ${lines.linePos(pos[0]).line}: ${wording(code)}`),
      );
    }
    return { document, value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    if (error instanceof InvalidPolicy) throw error;
    // Anchors and aliases, and nesting beyond any sense.
    throw new InvalidPolicy(['the file is not plain YAML without anchors and aliases']);
  }
}

/** `DUPLICATE_KEY` reads as it is meant; the library's own text may quote the file. */
function wording(code: string): string {
  return `not well-formed YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

/** A union tells what is wrong in its branches; the branch with conditions is the one that was meant. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const branch = issue.errors.find((faults) => faults.some(({ code }) => code !== 'invalid_value'));
  const inner = branch?.filter(({ path, code }) => path.length > 0 || code === 'unrecognized_keys');
  if (!inner || inner.length === 0) return [issue];
  return inner.map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
}

function described(
  { path, message }: z.core.$ZodIssue,
  document: Document,
  lines: LineCounter,
): string {
  const line = lineOf(path, document, lines);
  const place = path.length === 0 ? 'the file' : path.map(String).join('.');
  return `${line === undefined ? '' : `line ${line}: `}${place}: ${message}`;
}

/** The line of what is at fault, or of what should hold it. */
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
