import { createPrivateKey } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Secret, SecretStore } from '#libs/secrets';
import { NoteSigner } from '#libs/transparency-log';
import { UnusableSigningKey } from '../errors.js';
import { auditSettings, type AuditSettings } from '../settings.js';

/**
 * The signers of checkpoints, one for each secret of `AUDIT_SIGNING_KEY_SECRET`. While a key is being
 * replaced there are two, and every checkpoint has both signatures, so that verifiers can change to
 * the new key one by one.
 */
@Injectable()
export class CheckpointSigners {
  /** By name of the log and of the secret. */
  readonly #signers = new Map<string, { version: string; signer: NoteSigner }>();

  constructor(
    private readonly secrets: SecretStore,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * @param origin name of the log. Default: `AUDIT_LOG_ORIGIN`
   * @throws SecretUnavailable, SecretNotFound when a key can't be read
   * @throws UnusableSigningKey when a secret is not an Ed25519 private key
   */
  async current(origin = this.settings.origin): Promise<readonly NoteSigner[]> {
    const { signingKeySecrets } = this.settings;
    return Promise.all(signingKeySecrets.map(async (name) => this.#signer(origin, name)));
  }

  async #signer(origin: string, name: string): Promise<NoteSigner> {
    return this.secrets.readParsed(name, (secret) => {
      const place = `${origin} ${name}`;
      const known = this.#signers.get(place);
      if (known?.version === secret.version) return known.signer;
      const signer = new NoteSigner(origin, toSeed(secret));
      this.#signers.set(place, { version: secret.version, signer });
      return signer;
    });
  }
}

/** @param secret PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it, or base64 of the 32-byte seed */
function toSeed({ name, value }: Secret): Buffer {
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(value.trim())) return Buffer.from(value.trim(), 'base64');
  try {
    const jwk = createPrivateKey(value).export({ format: 'jwk' });
    if (jwk.crv === 'Ed25519' && jwk.d !== undefined) return Buffer.from(jwk.d, 'base64url');
  } catch (cause) {
    throw new UnusableSigningKey(name, { cause });
  }
  throw new UnusableSigningKey(name);
}
