import { z } from 'zod';
import type { AdmittedVisitor, IssuedInvitation } from '#libs/visitors';
import { tokenRequest } from '../me/token-request.js';
import { auditReceipt, toAuditReceipt } from '../audit/audit-receipt.js';

const MAX_MINUTES = 30 * 24 * 60;

export const invitationId = z.uuid('must be the UUID of an invitation').toLowerCase();

export const invitationRequest = z
  .strictObject({
    uses: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(10_000, 'must be at most 10000')
      .default(1)
      .meta({ description: 'How many visitors it lets in.' }),
    expiresInMinutes: z
      .int('must be a whole number of minutes')
      .min(1, 'must be at least 1 minute')
      .max(MAX_MINUTES, `must be at most ${MAX_MINUTES} minutes (30 days)`)
      .meta({ description: 'Until then it lets visitors in.', example: 120 }),
    scopes: tokenRequest.shape.scopes.meta({
      description:
        'Scopes of the tokens. Default: those of the policy; at most voip.join, unless its rule is about visitors.',
      example: ['voip.join'],
    }),
    meeting: z
      .string()
      .trim()
      .min(1, 'must say what the visitors are invited to')
      .max(1_024, 'must have at most 1024 characters')
      .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not hold control characters')
      .meta({
        description:
          'A reference of the meeting, which the visitors get. It is in the audit log: name no person in it.',
      }),
  })
  .meta({ id: 'InvitationRequest' });

export const invitationResponse = z
  .strictObject({
    id: z.uuid(),
    invitation: z.string().meta({
      description: 'For the visitors. Everybody who has it may use it, and it can’t be read again.',
    }),
    uses: z.int().min(1),
    expiresAt: z.iso.datetime(),
    scopes: z.array(z.string()),
    meeting: z.string(),
    auditEntry: auditReceipt,
  })
  .meta({ id: 'Invitation' });

export const visitorTokenRequest = z
  .strictObject({
    invitation: z
      .string()
      .max(4_096, 'must have at most 4096 characters')
      .meta({ description: '`invitation` of the answer to `POST /v1/invitations`.' }),
  })
  .meta({ id: 'VisitorTokenRequest' });

export const visitorTokenResponse = z
  .strictObject({
    token: z.string().meta({ description: 'Opaque; `expiresOn` is its expiry.' }),
    expiresOn: z.iso.datetime(),
    scopes: z.array(z.string()),
    communicationUserId: z.string().regex(/^8:acs:/),
    meeting: z.string(),
  })
  .meta({ id: 'VisitorTokenResponse' });

export type InvitationRequest = z.output<typeof invitationRequest>;
export type InvitationResponse = z.output<typeof invitationResponse>;
export type VisitorTokenRequest = z.output<typeof visitorTokenRequest>;
export type VisitorTokenResponse = z.output<typeof visitorTokenResponse>;

export function toInvitation(issued: IssuedInvitation): InvitationResponse {
  const { id, text, maxUses, expiresAt, scopes, meeting, auditEntry } = issued;
  return {
    ...{ id, invitation: text, uses: maxUses, expiresAt: expiresAt.toISOString() },
    ...{ scopes: [...scopes], meeting },
    auditEntry: toAuditReceipt(auditEntry),
  };
}

export function toVisitorToken(admitted: AdmittedVisitor): VisitorTokenResponse {
  const { expiresOn, scopes } = admitted;
  return { ...admitted, expiresOn: expiresOn.toISOString(), scopes: [...scopes] };
}
