import type { createTokenVerifiers } from '#libs/authentication';
import { Logger } from '#libs/platform';
import { finding } from '../findings.js';
import { type Check, skipped } from '../run-checks.js';

type Verifier = ReturnType<typeof createTokenVerifiers>[number];

/** The log of the verifiers, in which they say why keys could not be loaded. */
export class KeyProblems extends Logger {
  readonly #problems = new Map<string, string>();

  /** @returns the last problem with the document; `undefined` without one */
  of(documentUrl: string): string | undefined {
    return this.#problems.get(documentUrl);
  }

  override warn(fields: { documentUrl?: unknown; problem?: unknown }): void {
    const { documentUrl, problem } = fields;
    if (typeof documentUrl === 'string' && typeof problem === 'string')
      this.#problems.set(documentUrl, problem);
  }

  override debug(): void {
    return;
  }
  override info(): void {
    return;
  }
  override error(): void {
    return;
  }
}

export interface IdentityProvidersCheckOptions {
  readonly verifiers: readonly Verifier[];
  readonly problems: KeyProblems;
  readonly isReachable: (url: string) => Promise<boolean>;
}

/** Loads the signing keys of each issuer as the service does. */
export function identityProvidersCheck(options: IdentityProvidersCheckOptions): Check {
  const { verifiers, problems, isReachable } = options;
  const caches = verifiers.flatMap(({ jwks }) => jwks);
  return {
    name: 'identity providers',
    run: async () => {
      if (caches.length === 0) return skipped('the platform verifies the tokens');
      const unreachable: string[] = [];
      const found = await Promise.all(
        caches.map(async (keys) => {
          const { discoveryUrl } = keys;
          if (!(await isReachable(discoveryUrl))) {
            unreachable.push(new URL(discoveryUrl).host);
            return [];
          }
          try {
            await keys.issuer();
            return [];
          } catch {
            const problem = problems.of(discoveryUrl) ?? 'they can not be loaded';
            return [finding('identity-provider-unusable', discoveryUrl, problem)];
          }
        }),
      );
      const missing = `${[...new Set(unreachable)].join(', ')} can not be reached`;
      if (unreachable.length === caches.length) return skipped(missing);
      const note = `keys of ${caches.length - unreachable.length} metadata documents`;
      return {
        findings: found.flat(),
        note: unreachable.length === 0 ? note : `${note}; ${missing}`,
      };
    },
  };
}
