import { Injectable } from '@nestjs/common';
import type { AuditReceipt } from '#libs/audit';
import type { Principal } from '#libs/authentication';
import {
  type ProvisionedMapping,
  IdentityMappingService,
  MappingNotFound,
} from '#libs/identity-mapping';
import type { RequestContext } from '#libs/platform';

/** What became of a wish to revoke. */
export interface Revocation {
  /** ACS needs up to 15 minutes; 0 when there was nothing to revoke. */
  readonly effectiveWithinMinutes: number;
  /** Absent when there was nothing to revoke. */
  readonly auditEntry?: AuditReceipt;
}

/**
 * Takes tokens back. No token is issued for the identity until ACS has confirmed; where it does not
 * at once, the sweeper goes on asking.
 */
@Injectable()
export class TokenRevocationService {
  constructor(private readonly mappings: IdentityMappingService) {}

  /** @throws MappingNotFound when the caller never asked for a token */
  async revokeOwn(caller: Principal, request: RequestContext): Promise<Revocation> {
    return this.#revoke(await this.#own(caller), caller, request, 'own-request');
  }

  /** As `revokeOwn`; nothing to revoke is fine. */
  async signOut(caller: Principal, request: RequestContext): Promise<Revocation> {
    try {
      return await this.#revoke(await this.#own(caller), caller, request, 'sign-out');
    } catch (error) {
      if (error instanceof MappingNotFound) return { effectiveWithinMinutes: 0 };
      throw error;
    }
  }

  /** @throws MappingNotFound when there is none, or it is another tenant's */
  async revokeForMapping(
    caller: Principal,
    mappingId: string,
    request: RequestContext,
  ): Promise<Revocation> {
    const mapping = await this.mappings.get(mappingId, caller.tenant);
    return this.#revoke(mapping, caller, request, 'by-role');
  }

  async #own({ tenant, subject, kind }: Principal): Promise<ProvisionedMapping> {
    return this.mappings.find({ tenant, subject, kind });
  }

  async #revoke(
    mapping: ProvisionedMapping,
    actor: Principal,
    request: RequestContext,
    code: 'own-request' | 'sign-out' | 'by-role',
  ): Promise<Revocation> {
    return this.mappings.revokeTokens({ mapping, actor, request, reason: { code } });
  }
}
