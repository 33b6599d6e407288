import { createHash } from 'node:crypto';
import { InvalidYamlFile, readYamlFile } from '#libs/platform';
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
 * Reads a policy file. Strict, because an ignored condition would widen a rule.
 *
 * @param source YAML 1.2, or JSON, that conforms to docs/issuance-policy.schema.json; bytes of UTF-8
 * @throws InvalidPolicy
 */
export function readPolicy(source: string | Buffer): IssuancePolicy {
  try {
    const document = readYamlFile(source, policyDocument, MAX_POLICY_BYTES);
    return new IssuancePolicy(document, policyVersion(source.toString()));
  } catch (error) {
    throw error instanceof InvalidYamlFile ? new InvalidPolicy(error.faults) : error;
  }
}
