import type { components } from './api.js';

/** Of a response that is not from the service, such as that of a proxy or of a wrong address. */
const FOREIGN: ProblemDetails = {
  type: 'about:blank',
  title: 'Unexpected response',
  status: 0,
  detail: '',
  requestId: '',
};

/** A proxy or gateway answers with these when it can't reach the service, or has too many requests. */
const GATEWAY_FAILURES = [429, 502, 503, 504];

/** The reason for a failed request (RFC 9457). Some types have further members. */
export type ProblemDetails = components['schemas']['ProblemDetails'];

/** A response that refuses a request. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  /** The HTTP status; 0 for a redirect whose status the browser hides. */
  readonly status: number;
  /** `urn:acs-identity:problem:…`; `about:blank` when the response is not from the service. */
  readonly type: string;
  /** The last part of `type`, by which programs decide; `unexpected-response` for `about:blank`. */
  readonly code: string;
  readonly detail: string;
  /** With it, operators find the request in their log. */
  readonly requestId: string | undefined;
  /** A repeat after this time can succeed; without it, it can't. */
  readonly retryAfterSeconds: number | undefined;
  /** The claims request of the challenge, as JSON: what MSAL takes as `claims`. */
  readonly claims: string | undefined;
  /** Whether a proxy or gateway answered because it can't pass the request on now: a repeat can succeed. */
  readonly isFromGateway: boolean;
  /** All members of the problem details, such as `allowedScopes`. */
  readonly problem: ProblemDetails;

  constructor(response: Response, problem: ProblemDetails) {
    const requestId = problem.requestId === '' ? undefined : problem.requestId;
    const request = requestId === undefined ? '' : `, request ${requestId}`;
    super(`${problem.detail} (${response.status}, ${problem.type}${request})`);
    this.status = response.status;
    this.type = problem.type;
    this.code =
      problem.type === FOREIGN.type
        ? 'unexpected-response'
        : (problem.type.split(':').at(-1) ?? '');
    this.detail = problem.detail;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds(response.headers.get('retry-after'));
    this.isFromGateway =
      problem.type === FOREIGN.type && GATEWAY_FAILURES.includes(response.status);
    this.claims = claimsOf(response.headers.get('www-authenticate'));
    this.problem = problem;
  }

  /** @param text the body of the response */
  static of(response: Response, text: string): ProblemError {
    const body = jsonObject(text);
    if (isProblemDetails(body)) return new ProblemError(response, body);
    return ProblemError.unexpected(response, 'no problem details');
  }

  /** @param found what the response is, in words */
  static unexpected(response: Response, found: string): ProblemError {
    const detail = GATEWAY_FAILURES.includes(response.status)
      ? `A proxy or gateway answered with status ${response.status} in place of the communication identity service.`
      : `The response is ${found}, so it is not from the communication identity service. Does baseUrl lead to it?`;
    const requestId = response.headers.get('x-request-id') ?? '';
    return new ProblemError(response, { ...FOREIGN, status: response.status, detail, requestId });
  }
}

function isProblemDetails(body: unknown): body is ProblemDetails {
  const { type, detail } = (body ?? {}) as Partial<ProblemDetails>; // each member is checked
  return typeof type === 'string' && typeof detail === 'string';
}

/** @returns `undefined` for a text that is not JSON */
export function jsonObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The service sends seconds. Proxies may send a date (RFC 9110, section 10.2.3). */
function retryAfterSeconds(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, Math.ceil((until - Date.now()) / 1000));
}

/** The parameter `claims` of a challenge (base64), decoded; `undefined` when it is not JSON. */
function claimsOf(challenge: string | null): string | undefined {
  const encoded = /\bclaims="([\w+/=-]+)"/.exec(challenge ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
    const claims = new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
    return jsonObject(claims) && claims;
  } catch {
    return undefined;
  }
}
