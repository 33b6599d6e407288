import { existsSync } from 'node:fs';
import { repositoryRoot } from '../../support/root.js';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Bearer token; without it the request has no authorization header. */
  readonly token?: string | undefined;
  readonly body?: object | undefined;
}

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
  /** Code of the problem, the last part of its type; absent when the response is not a problem. */
  readonly problem: string | undefined;
  readonly retryAfterSeconds: number;
}

/** Sends a request to the api. @throws when no complete response arrives */
export async function sendRequest(
  url: string,
  { method, path, token, body }: ApiRequest,
): Promise<ApiResponse> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  return {
    status: response.status,
    text,
    problem: isProblem === true ? problemOf(text) : undefined,
    retryAfterSeconds: Number(response.headers.get('retry-after')),
  };
}

/** Whether it is the answer to an outage or an exhausted limit: 429 or 503, a documented problem, `Retry-After`. */
export function isRetryLater({ status, problem, retryAfterSeconds }: ApiResponse): boolean {
  return (status === 503 || status === 429) && isDocumented(problem) && retryAfterSeconds > 0;
}

/** Whether docs/problems has a page for the problem. */
export function isDocumented(problem: string | undefined): boolean {
  if (problem === undefined || problem === 'internal-error') return false;
  return existsSync(`${repositoryRoot}docs/problems/${problem}.md`);
}

function problemOf(text: string): string | undefined {
  const { type = '' } = JSON.parse(text) as { type?: string };
  return /^urn:acs-identity:problem:([a-z-]+)$/.exec(type)?.[1];
}
