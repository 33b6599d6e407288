import type { Clock } from '#libs/platform';
import {
  UpstreamCredentialRefused,
  UpstreamResourceMismatch,
  UpstreamUnavailable,
} from '../errors.js';
import { CredentialUnavailable } from './upstream-failure.js';

/**
 * How long a refusal counts. Afterwards the next calls try the credential again, because it may have
 * been allowed at ACS without a new version.
 */
const REFUSAL_MS = 60_000;

interface Refusal {
  readonly secretVersion: string | undefined;
  readonly reason: string;
  readonly until: number;
}

/** The resources whose credential ACS, or Azure's sign-in, refused lately, or took for another resource. */
export class CredentialRefusals {
  readonly #refusals = new Map<string, Refusal>();

  constructor(private readonly clock: Clock) {}

  /** Remembers how a call ended. @param error absent for a success */
  note(resource: string, secretVersion: string | undefined, error?: Error): void {
    const reason = reasonOf(error);
    if (reason !== undefined) {
      const until = this.clock.monotonicNow() + REFUSAL_MS;
      this.#refusals.set(resource, { secretVersion, reason, until });
    } else if (error === undefined) {
      this.#refusals.delete(resource);
    }
  }

  /** @returns why the credential is not usable; a new version is usable until it is refused */
  of(resource: string, secretVersion: string | undefined): string | undefined {
    const refusal = this.#refusals.get(resource);
    if (!refusal || refusal.secretVersion !== secretVersion) return undefined;
    return this.clock.monotonicNow() < refusal.until ? refusal.reason : undefined;
  }
}

function reasonOf(error: Error | undefined): string | undefined {
  if (error instanceof UpstreamCredentialRefused) return 'acs-credential-refused';
  if (error instanceof UpstreamResourceMismatch) return 'acs-resource-mismatch';
  const isWithoutToken =
    error instanceof UpstreamUnavailable && error.cause instanceof CredentialUnavailable;
  return isWithoutToken ? 'no token of Entra for the credential' : undefined;
}
