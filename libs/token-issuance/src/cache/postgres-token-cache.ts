import { Injectable } from '@nestjs/common';
import { Clock, Database, Logger } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { type CachedToken, type CachePlace, reusableUntil, TokenCache } from './token-cache.js';
import { EnvelopeEncryption } from './envelope-encryption.js';

interface Row {
  readonly sealed: Buffer;
  readonly wrappedKey: Buffer;
  readonly keyVersion: string;
  readonly expiresOn: Date;
  readonly fingerprint: string;
  readonly fingerprintKey: string;
  readonly secretVersion: string | null;
}

/**
 * Kept tokens in PostgreSQL, sealed. A trigger of the schema deletes those of a mapping in the very
 * transaction that ends its tokens: one that is found was not revoked before.
 *
 * A cache: what goes wrong here costs a call to ACS and a line in the log, never a request.
 */
@Injectable()
export class PostgresTokenCache extends TokenCache {
  constructor(
    private readonly database: Database,
    private readonly sealer: EnvelopeEncryption,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: IssuanceMetrics,
  ) {
    super();
  }

  async find(place: CachePlace): Promise<CachedToken | undefined> {
    try {
      const [row] = await this.database.query<Row>(
        `SELECT sealed, wrapped_key AS "wrappedKey", key_version AS "keyVersion",
                expires_on AS "expiresOn", fingerprint, fingerprint_key AS "fingerprintKey",
                secret_version AS "secretVersion"
         FROM token_cache
         WHERE mapping_id = $1 AND variant = $2 AND token_generation = $3 AND reusable_until >= $4`,
        [place.mappingId, place.variant, place.tokenGeneration, new Date(this.clock.now())],
      );
      if (!row) return undefined;
      const { expiresOn, fingerprint, fingerprintKey, secretVersion } = row;
      return {
        token: await this.sealer.open(row, bindingOf(place, expiresOn)),
        expiresOn,
        fingerprint: { fingerprint, fingerprintKey },
        secretVersion: secretVersion ?? undefined,
      };
    } catch (error) {
      this.metrics.cacheFault('open');
      this.logger.warn({ identityId: place.mappingId, error }, 'a kept token could not be opened');
      return undefined;
    }
  }

  async keep(place: CachePlace, token: CachedToken): Promise<void> {
    const { expiresOn, fingerprint, secretVersion } = token;
    try {
      const { sealed, wrappedKey, keyVersion } = await this.sealer.seal(
        token.token,
        bindingOf(place, expiresOn),
      );
      await this.database.query(
        `INSERT INTO token_cache (mapping_id, variant, token_generation, policy_version, sealed, wrapped_key,
                                  key_version, expires_on, reusable_until, fingerprint, fingerprint_key,
                                  secret_version)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
         FROM mapping
         WHERE id = $1 AND status = 'active' AND token_generation = $3
         ON CONFLICT (mapping_id, variant) DO UPDATE
         SET token_generation = $3, policy_version = $4, sealed = $5, wrapped_key = $6, key_version = $7,
             expires_on = $8, reusable_until = $9, fingerprint = $10, fingerprint_key = $11,
             secret_version = $12`,
        [
          place.mappingId,
          place.variant,
          place.tokenGeneration,
          place.policyVersion,
          sealed,
          wrappedKey,
          keyVersion,
          expiresOn,
          reusableUntil(this.clock.now(), expiresOn),
          fingerprint.fingerprint,
          fingerprint.fingerprintKey,
          secretVersion ?? null,
        ],
      );
    } catch (error) {
      this.metrics.cacheFault('keep');
      this.logger.warn({ identityId: place.mappingId, error }, 'a token could not be kept');
    }
  }

  async dropOtherPolicies(policyVersion: string): Promise<void> {
    await this.database.query('DELETE FROM token_cache WHERE policy_version <> $1', [
      policyVersion,
    ]);
  }

  async sweep(): Promise<void> {
    // The second condition: one that was kept in the very moment in which its tokens were revoked.
    await this.database.query(
      `DELETE FROM token_cache
       WHERE reusable_until < $1
          OR NOT EXISTS (SELECT FROM mapping
                         WHERE id = mapping_id AND mapping.token_generation = token_cache.token_generation)`,
      [new Date(this.clock.now())],
    );
  }
}

/** Keeps whoever can write to the table from giving one identity's token to another, or a longer life. */
function bindingOf(place: CachePlace, expiresOn: Date): string {
  const { mappingId, tokenGeneration, variant } = place;
  return JSON.stringify([mappingId, tokenGeneration, variant, expiresOn.getTime()]);
}
