import { z } from 'zod';

const names = z.union([
  z.object({ value: z.string() }).transform(({ value }) => [value]),
  z.object({ values: z.array(z.string()) }).transform(({ values }) => values),
]);

const claimsRequest = z.object({ access_token: z.object({ acrs: names }) });

/**
 * The authentication contexts that the parameter `claims` requests of an access token (OpenID Connect Core,
 * section 5.5). None for another request, which is ignored.
 */
export function requestedContexts(parameters: URLSearchParams): readonly string[] {
  try {
    return claimsRequest.parse(JSON.parse(parameters.get('claims') ?? '')).access_token.acrs;
  } catch {
    return [];
  }
}
