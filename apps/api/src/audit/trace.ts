import { z } from 'zod';
import type { TokenTrace, TracedToken, TracedTokenState } from '#libs/audit';
import type { Principal } from '#libs/platform';
import { likeliestIssued, tokensIn } from '#libs/token-text';
import { listedEntry, type ListedEntry, toListedEntry } from './entry-response.js';

/** A leaked token, the fingerprint in an entry, or the id of a token of a caller. */
export const traceRequest = z
  .union([
    z.strictObject({
      token: z
        .string()
        .min(1)
        .max(8192)
        .refine((text) => tokensIn(text).length > 0, 'must have a whole token in it')
        .describe('The token, alone or with what stands around it: a header, JSON, a URL.'),
    }),
    z.strictObject({
      fingerprint: z.string().regex(/^[\w-]{43}$/, 'must be a fingerprint as in an entry'),
    }),
    z.strictObject({
      tokenId: z
        .string()
        .min(1)
        .max(512)
        .describe('`uti` or `jti` of a token of a caller: finds the tokens that were issued to it'),
    }),
  ])
  .meta({
    id: 'TraceRequest',
    description:
      'A token, its fingerprint, or the id of the token of the caller that it was issued to. A token is neither stored nor logged.',
  });

export type TraceRequest = z.output<typeof traceRequest>;

/** Of a text the token in it. */
export function toTraced(request: TraceRequest): TracedToken {
  if (!('token' in request)) return request;
  const found = likeliestIssued(tokensIn(request.token));
  return { token: found?.token ?? request.token };
}

export const traceResponse = z
  .strictObject({
    entries: z.array(listedEntry).meta({
      description:
        'The entries about this token, oldest first. Empty when this service did not issue it.',
    }),
    tokens: z
      .array(
        z.strictObject({
          fingerprint: z.string(),
          status: z.enum(['live', 'expired', 'revoked', 'unknown']).meta({
            description:
              '`revoked`: ACS has confirmed it. `unknown`: the answer of ACS was lost, and it is not known whether somebody has the token.',
          }),
          expiresOn: z.iso.datetime(),
          revocationRequestedAt: z.iso.datetime().optional().meta({
            description:
              'When the revocation of this identity’s tokens was requested. Without `revocationConfirmedAt`, ACS has not confirmed it yet, and accepts the token.',
          }),
          revocationConfirmedAt: z.iso.datetime().optional().meta({
            description:
              'When the confirmation of ACS was recorded. ACS accepts a revoked token for up to 15 minutes after it.',
          }),
          identityId: z.string().optional(),
          canRevoke: z.boolean().meta({
            description:
              'Whether the caller may revoke it: `POST /v1/identities/{identityId}/tokens/revoke`.',
          }),
        }),
      )
      .meta({
        description: 'Each token that was found; several for the id of a token of a caller.',
      }),
    liveSiblings: z.array(listedEntry).meta({
      description:
        'Issuances of other tokens of the same communication identity that may still be valid: neither expired, nor revoked with the confirmation of ACS.',
    }),
    untriedKeys: z.array(z.string()).meta({
      description:
        'Fingerprint keys that are no longer available, so that the result may be incomplete.',
    }),
  })
  .meta({ id: 'TokenTrace' });

type TokenState = z.output<typeof traceResponse>['tokens'][number];

export interface TraceResponse {
  readonly entries: readonly ListedEntry[];
  readonly tokens: readonly TokenState[];
  readonly liveSiblings: readonly ListedEntry[];
  readonly untriedKeys: readonly string[];
}

export function toTrace(
  { entries, tokens, liveSiblings, untriedKeys }: TokenTrace,
  reader: Principal,
): TraceResponse {
  return {
    entries: entries.map(toListedEntry),
    tokens: tokens.map((token) => toToken(token, reader)),
    liveSiblings: liveSiblings.map(toListedEntry),
    untriedKeys,
  };
}

function toToken(
  { fingerprint, status, expiresOn, revocation, identityId, tenant }: TracedTokenState,
  { tenant: own, permissions }: Principal,
): TokenState {
  const { requestedAt, confirmedAt } = revocation;
  const isOwn = identityId !== undefined && tenant === own;
  return {
    ...{ fingerprint, status, expiresOn },
    ...(requestedAt !== undefined && { revocationRequestedAt: requestedAt }),
    ...(confirmedAt !== undefined && { revocationConfirmedAt: confirmedAt }),
    ...(identityId !== undefined && { identityId }),
    canRevoke:
      isOwn && status !== 'expired' && permissions.includes('CommunicationToken.Revoke.All'),
  };
}
