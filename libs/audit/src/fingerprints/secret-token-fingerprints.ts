import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Secret, SecretStore } from '#libs/secrets';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type TokenFingerprint, TokenFingerprints } from './token-fingerprints.js';

/** HMAC-SHA-256 with a key from the secret store. Without the key, a token can't be tested against the log. */
@Injectable()
export class SecretTokenFingerprints extends TokenFingerprints {
  constructor(
    private readonly secrets: SecretStore,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    super();
  }

  override async of(token: string): Promise<TokenFingerprint> {
    return fingerprint(token, await this.secrets.read(this.settings.fingerprintKeySecret));
  }

  override async withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint> {
    const { fingerprintKeySecret } = this.settings;
    return fingerprint(token, await this.secrets.readVersion(fingerprintKeySecret, fingerprintKey));
  }
}

function fingerprint(token: string, { value, version }: Secret): TokenFingerprint {
  const digest = createHmac('sha256', value).update(token).digest('base64url');
  return { fingerprint: digest, fingerprintKey: version };
}
