import { z } from 'zod';
import { CALLER_KINDS } from '#libs/identity-mapping';
import type { IssuedToken } from '#libs/token-issuance';
import { auditReceipt, toAuditReceipt } from '../audit/audit-receipt.js';

export const callerIdentity = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(CALLER_KINDS),
    communicationUserId: z.string().regex(/^8:(gcch-|dod-)?acs:/),
  })
  .meta({ id: 'CallerIdentity' });

export const tokenResponse = z
  .strictObject({
    token: z.string().meta({ description: 'Opaque; `expiresOn` is its expiry.' }),
    expiresOn: z.iso.datetime(),
    scopes: z.array(z.string()),
    identity: callerIdentity,
    auditEntry: auditReceipt,
  })
  .meta({ id: 'TokenResponse' });

export type CallerIdentity = z.output<typeof callerIdentity>;
export type TokenResponse = z.output<typeof tokenResponse>;

export function toTokenResponse(issued: IssuedToken): TokenResponse {
  const { token, expiresOn, scopes, mapping, auditEntry } = issued;
  return {
    token,
    expiresOn: expiresOn.toISOString(),
    scopes: [...scopes],
    identity: toCallerIdentity(mapping),
    auditEntry: toAuditReceipt(auditEntry),
  };
}

export function toCallerIdentity({
  id,
  kind,
  communicationUserId,
}: IssuedToken['mapping']): CallerIdentity {
  // A visitor is no caller, and gets no token of these routes.
  return { id, kind: kind as CallerIdentity['kind'], communicationUserId };
}
