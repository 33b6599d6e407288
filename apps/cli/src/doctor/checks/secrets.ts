import { UnusableSigningKey } from '#libs/audit';
import { UpstreamCredentialMalformed } from '#libs/communication-services';
import { type Clock, explain } from '#libs/platform';
import {
  AzureFault,
  SecretAccessRefused,
  SecretNotFound,
  type SecretStore,
  SecretUnavailable,
  SecretUnusable,
} from '#libs/secrets';
import { DecryptionFailed } from '#libs/token-issuance';
import { type Finding, finding } from '../findings.js';
import { type Check, skipped } from '../run-checks.js';

/** How a secret is used. */
export interface ExaminedSecret {
  readonly name: string;
  /** Parses it as the service does. */
  readonly examine: () => Promise<unknown>;
}

export interface SecretsCheckOptions {
  readonly secrets: SecretStore;
  readonly examined: readonly ExaminedSecret[];
  readonly vaultUrl: string;
  readonly clock: Clock;
  readonly isReachable: () => Promise<boolean>;
}

const EXPIRES_SOON_MS = 30 * 86_400_000;
const SIGN_IN = /Authentication|CredentialUnavailable/;

/** Reads every secret that the configuration names, and uses it as the service does. */
export function secretsCheck(options: SecretsCheckOptions): Check {
  const { secrets, examined, vaultUrl, clock, isReachable } = options;
  const { host } = new URL(vaultUrl);
  return {
    name: 'secrets',
    run: async () => {
      if (!(await isReachable())) return skipped(`${host} can not be reached`);
      const found = await Promise.all(
        examined.map(async ({ name, examine }) => {
          try {
            const { expiresAt } = await secrets.read(name);
            await examine();
            return expiryFindings(name, expiresAt, clock);
          } catch (error) {
            return [secretFinding(name, host, error)];
          }
        }),
      );
      const names = examined.map(({ name }) => name).join(', ');
      return { findings: unique(found.flat()), note: `read ${names}` };
    },
  };
}

/** @param subject of an error that names no secret */
export function secretFinding(name: string, host: string, error: unknown): Finding {
  if (error instanceof SecretNotFound)
    return finding('secret-missing', name, `${host} has no secret ${name}`);
  if (error instanceof SecretAccessRefused)
    return finding('secret-access-refused', name, `${host} refuses it (${causeOf(error)})`);
  if (error instanceof SecretUnusable)
    return finding('secret-unusable', name, `its newest version is ${error.why}`);
  if (error instanceof UnusableSigningKey)
    return finding('log-key-malformed', name, 'it is no Ed25519 private key');
  if (error instanceof DecryptionFailed)
    return finding('data-key-malformed', name, 'it is not 32 bytes in base64');
  if (error instanceof UpstreamCredentialMalformed)
    return finding('acs-credential-malformed', name, causeOf(error));
  if (error instanceof WeakFingerprintKey)
    return finding('fingerprint-key-weak', name, error.message);
  if (error instanceof MistakenFingerprintKey)
    return finding('fingerprint-key-mistaken', name, 'it is a PEM or a connection string');
  if (error instanceof SecretUnavailable) return unavailableFinding(host, error);
  return finding('check-failed', name, explain(error));
}

/** Thrown by the examination of a fingerprint key that is too short. */
export class WeakFingerprintKey extends Error {
  override readonly name = 'WeakFingerprintKey';
}

/** Thrown by the examination of a fingerprint key that is the secret of something else. */
export class MistakenFingerprintKey extends Error {
  override readonly name = 'MistakenFingerprintKey';
}

const MIN_FINGERPRINT_KEY_CHARACTERS = 32;
const OTHER_SECRET = /-----BEGIN |\b(endpoint|accesskey)=/i;

/** @throws WeakFingerprintKey, which names lengths only, or MistakenFingerprintKey */
export async function examineFingerprintKey(secrets: SecretStore, name: string): Promise<void> {
  const { value } = await secrets.read(name);
  if (OTHER_SECRET.test(value)) throw new MistakenFingerprintKey();
  if (value.length >= MIN_FINGERPRINT_KEY_CHARACTERS) return;
  throw new WeakFingerprintKey(
    `it has fewer than ${MIN_FINGERPRINT_KEY_CHARACTERS} characters, so that it can be guessed`,
  );
}

function unavailableFinding(host: string, error: SecretUnavailable): Finding {
  const { cause } = error;
  const detail = causeOf(error);
  const isSignIn = cause instanceof AzureFault && SIGN_IN.test(cause.message);
  return isSignIn
    ? finding('azure-sign-in-failed', host, detail)
    : finding('key-vault-unavailable', host, detail);
}

function causeOf({ cause }: Error): string {
  return cause === undefined ? 'no reason' : explain(cause);
}

function expiryFindings(name: string, expiresAt: Date | undefined, clock: Clock): Finding[] {
  if (expiresAt === undefined || expiresAt.getTime() - clock.now() > EXPIRES_SOON_MS) return [];
  return [finding('secret-expires', name, `it expires at ${expiresAt.toISOString()}`)];
}

/** An outage of the vault concerns every secret: it is one finding. */
function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Map(findings.map((one) => [`${one.code} ${one.subject}`, one]));
  return [...seen.values()];
}
