import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { ReleasedToken } from '#libs/token-issuance';

/** The versions of ACS's API that have an exchange. The request is passed on in the client's. */
function versionQuery(versions: readonly [string, ...string[]]) {
  const error = `must be one of ${versions.join(', ')}`;
  return z.strictObject({ 'api-version': z.enum(versions, { error }) });
}

export const teamsExtensionVersion = versionQuery(['2025-06-30', '2026-07-22', '2026-09-23']);
export const entraVersion = versionQuery(['2025-03-02-preview']);

/** The client library sends an empty object. */
export const clientExchangeBody = z.strictObject({}).optional();

/** As ACS answers, without a member more: clients of Microsoft's read it. */
export const clientExchangeResponse = z
  .strictObject({
    identity: z.strictObject({
      id: z.string().meta({ description: 'Raw id of the user, such as `8:acs:…`.' }),
    }),
    accessToken: z.strictObject({
      token: z.string().meta({ description: 'Opaque; `expiresOn` is its expiry.' }),
      expiresOn: z.iso.datetime(),
    }),
  })
  .meta({ id: 'ClientExchangeResponse' });

export type VersionQuery = z.output<typeof teamsExtensionVersion>;
export type ClientExchangeResponse = z.output<typeof clientExchangeResponse>;

export function toClientExchangeResponse(released: ReleasedToken): ClientExchangeResponse {
  const { communicationUserId, token, expiresOn } = released;
  return {
    identity: { id: communicationUserId },
    accessToken: { token, expiresOn: expiresOn.toISOString() },
  };
}

/** The token that the guard has verified. */
export function bearerOf({ authorization = '' }: IncomingHttpHeaders): string {
  return authorization.slice('Bearer '.length);
}
