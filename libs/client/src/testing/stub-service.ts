import { vi } from 'vitest';

/** An answer, or the failure to get one. A function sees the signal of the request. */
export type Answer = Response | Error | ((init: RequestInit) => Promise<Response>);

/** A token that expires in an hour, in the shape of ACS. */
export function acsToken(name = 'token'): string {
  const claims = { skypeid: name, exp: Math.floor(Date.now() / 1000) + 3600 };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

/** @param token the token of the response */
export function issued(token = acsToken()): Response {
  return Response.json({
    token,
    expiresOn: new Date(Date.now() + 3_600_000).toISOString(),
    scopes: ['chat'],
    identity: { id: 'id', kind: 'user', communicationUserId: '8:acs:1' },
    auditEntry: { id: 'entry', index: 1 },
  });
}

/** A refusal in the shape of the service. */
export function refusal(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const type = `urn:acs-identity:problem:${code}`;
  const body = { type, title: 'Title', status, detail: 'The detail', requestId: 'request-1' };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

/** A `fetch` that gives these answers, one for each request; then it fails. */
export function stubService(...answers: readonly Answer[]): {
  readonly fetch: typeof fetch;
  readonly requests: { readonly url: string; readonly init: RequestInit }[];
} {
  const requests: { readonly url: string; readonly init: RequestInit }[] = [];
  const remaining = [...answers];
  const answer = vi.fn(async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    requests.push({ url: String(url), init });
    const next = remaining.shift();
    if (next === undefined) throw new Error('one request too many');
    if (next instanceof Error) throw next;
    return typeof next === 'function' ? next(init) : Promise.resolve(next);
  });
  return { fetch: answer, requests };
}

/** A response that comes only when `answer` is called; it fails when the request aborts. */
export function pending(): {
  readonly answer: (response: Response) => void;
  readonly aborted: Promise<void>;
  readonly wait: (init: RequestInit) => Promise<Response>;
} {
  const response = Promise.withResolvers<Response>();
  const aborted = Promise.withResolvers<undefined>();
  return {
    answer: response.resolve,
    aborted: aborted.promise,
    wait: async ({ signal }) => {
      signal?.addEventListener('abort', () => {
        aborted.resolve(undefined);
        response.reject(signal.reason as Error); // set by this client
      });
      return response.promise;
    },
  };
}
