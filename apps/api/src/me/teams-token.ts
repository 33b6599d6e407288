import { z } from 'zod';
import type { ReleasedToken } from '#libs/token-issuance';
import { auditReceipt, toAuditReceipt } from '../audit/audit-receipt.js';

export const teamsTokenRequest = z
  .strictObject({
    teamsUserToken: z
      .string()
      .max(12_288, 'must have at most 12288 characters')
      .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'must be an access token of the Teams user')
      .meta({
        description:
          'Entra access token of the caller for https://auth.msft.communication.azure.com, issued to the same client application.',
      }),
  })
  .meta({ id: 'TeamsTokenRequest' });

export type TeamsTokenRequest = z.output<typeof teamsTokenRequest>;

export const teamsTokenResponse = z
  .strictObject({
    token: z.string().meta({ description: 'Opaque; `expiresOn` is its expiry.' }),
    expiresOn: z.iso.datetime(),
    communicationUserId: z
      .string()
      .meta({ description: 'Whose token it is: a Teams user, such as `8:orgid:<object id>`.' }),
    auditEntry: auditReceipt,
  })
  .meta({ id: 'TeamsTokenResponse' });

export type TeamsTokenResponse = z.output<typeof teamsTokenResponse>;

export function toTeamsTokenResponse(exchanged: ReleasedToken): TeamsTokenResponse {
  const { token, expiresOn, communicationUserId, auditEntry } = exchanged;
  const expiry = expiresOn.toISOString();
  return { token, expiresOn: expiry, communicationUserId, auditEntry: toAuditReceipt(auditEntry) };
}
