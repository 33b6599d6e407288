import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ReadinessChecks } from '#libs/platform';
import { type Secret, SecretStore } from '#libs/secrets';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type TokenFingerprint, TokenFingerprints } from './token-fingerprints.js';

/** HMAC-SHA-256 with a key from the secret store. Without the key, a token can't be tested against the log. */
@Injectable()
export class SecretTokenFingerprints extends TokenFingerprints implements OnApplicationBootstrap {
  constructor(
    private readonly secrets: SecretStore,
    @Inject(auditSettings.key)
    private readonly settings: Pick<AuditSettings, 'fingerprintKeySecret'>,
    private readonly readiness: ReadinessChecks,
  ) {
    super();
  }

  /** Without the key no token can be recorded, so none is issued. */
  onApplicationBootstrap(): void {
    this.readiness.register('token fingerprints', async () => {
      await this.secrets.current(this.settings.fingerprintKeySecret);
      return { isReady: true };
    });
  }

  override async of(token: string): Promise<TokenFingerprint> {
    return fingerprint(token, await this.secrets.current(this.settings.fingerprintKeySecret));
  }

  override async withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint> {
    const { fingerprintKeySecret } = this.settings;
    return fingerprint(token, await this.secrets.readVersion(fingerprintKeySecret, fingerprintKey));
  }
}

/** Of the cached secrets: to import a key takes longer than the HMAC. */
const keys = new WeakMap<Secret, KeyObject>();

function keyOf(secret: Secret): KeyObject {
  const known = keys.get(secret);
  if (known) return known;
  const key = createSecretKey(secret.value, 'utf8');
  keys.set(secret, key);
  return key;
}

function fingerprint(token: string, secret: Secret): TokenFingerprint {
  const digest = createHmac('sha256', keyOf(secret)).update(token).digest('base64url');
  return { fingerprint: digest, fingerprintKey: secret.version };
}
