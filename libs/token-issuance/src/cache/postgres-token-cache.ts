import { Injectable } from '@nestjs/common';
import { Clock, Database, deleteInBatches, Logger } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { CachedTokenLookup } from './cached-token-lookup.js';
import { type CachedToken, type CacheKey, reusableUntil, TokenCache } from './token-cache.js';
import { EnvelopeEncryption } from './envelope-encryption.js';

/**
 * Encrypted tokens in PostgreSQL. A trigger deletes those of a mapping in the transaction that
 * revokes its tokens, so that a token that is found was not revoked before.
 *
 * A fault of the cache costs a call to ACS and a warning in the log; it fails no request.
 */
@Injectable()
export class PostgresTokenCache extends TokenCache {
  readonly #lookup: CachedTokenLookup;

  constructor(
    private readonly database: Database,
    private readonly encryption: EnvelopeEncryption,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: IssuanceMetrics,
  ) {
    super();
    this.#lookup = new CachedTokenLookup(database);
  }

  async find(key: CacheKey): Promise<CachedToken | undefined> {
    try {
      const row = await this.#lookup.find(key, this.clock.now());
      if (!row) return undefined;
      const { fingerprint, fingerprintKey, secretVersion } = row;
      const stored = {
        expiresOn: new Date(row.expiresOnMs),
        fingerprint: { fingerprint, fingerprintKey },
        secretVersion: secretVersion ?? undefined,
      };
      const associatedData = associatedDataOf(key, stored, new Date(row.reusableUntilMs));
      return { token: await this.encryption.decrypt(row, associatedData), ...stored };
    } catch (error) {
      this.metrics.observeCacheFault('open');
      this.logger.warn({ identityId: key.mappingId, error }, 'a cached token could not be read');
      return undefined;
    }
  }

  /** Locks the mapping, so that a revocation at the same time either prevents the row or deletes it. */
  async store(key: CacheKey, token: CachedToken): Promise<void> {
    const { expiresOn, fingerprint, secretVersion } = token;
    const until = reusableUntil(this.clock.now(), expiresOn);
    try {
      const { ciphertext, wrappedKey, keyVersion } = await this.encryption.encrypt(
        token.token,
        associatedDataOf(key, token, until),
      );
      await this.database.query(
        `INSERT INTO token_cache (mapping_id, variant, token_generation, policy_version, sealed, wrapped_key,
                                  key_version, expires_on, reusable_until, fingerprint, fingerprint_key,
                                  secret_version)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
         FROM mapping
         WHERE id = $1 AND status = 'active' AND token_generation = $3
         FOR SHARE
         ON CONFLICT (mapping_id, variant) DO UPDATE
         SET token_generation = $3, policy_version = $4, sealed = $5, wrapped_key = $6, key_version = $7,
             expires_on = $8, reusable_until = $9, fingerprint = $10, fingerprint_key = $11,
             secret_version = $12`,
        [
          key.mappingId,
          key.variant,
          key.tokenGeneration,
          key.policyVersion,
          ciphertext,
          wrappedKey,
          keyVersion,
          expiresOn,
          until,
          fingerprint.fingerprint,
          fingerprint.fingerprintKey,
          secretVersion ?? null,
        ],
      );
    } catch (error) {
      this.metrics.observeCacheFault('keep');
      this.logger.warn({ identityId: key.mappingId, error }, 'a token could not be cached');
    }
  }

  async dropOtherPolicies(policyVersion: string): Promise<void> {
    for (const condition of ['policy_version < $1', 'policy_version > $1']) {
      const rows = { table: 'token_cache', condition, parameters: [policyVersion] };
      await deleteInBatches(this.database, rows);
    }
  }

  async sweep(signal?: AbortSignal): Promise<void> {
    const rows = {
      table: 'token_cache',
      condition: 'reusable_until < $1',
      parameters: [new Date(this.clock.now())],
    };
    await deleteInBatches(this.database, rows, signal);
  }
}

/**
 * Every member that decides who gets the token, for how long, and what the log says about it. Without
 * it, a person who can write to the table could exchange rows, or parts of rows.
 *
 * The scopes are in `variant`.
 */
function associatedDataOf(
  key: CacheKey,
  { expiresOn, fingerprint, secretVersion }: Omit<CachedToken, 'token'>,
  until: Date,
): string {
  return JSON.stringify([
    'token-cache/2',
    ...[key.mappingId, key.resource, key.communicationUserId, key.tokenGeneration],
    ...[key.policyVersion, key.variant],
    ...[expiresOn.getTime(), until.getTime()],
    ...[fingerprint.fingerprint, fingerprint.fingerprintKey, secretVersion ?? null],
  ]);
}
