import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Bearer token; none is sent when absent. */
  readonly token?: string | undefined;
  readonly body?: object | undefined;
}

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
  /** The last part of the problem's type, where the answer is a problem. */
  readonly problem: string | undefined;
  readonly retryAfterSeconds: number;
}

/** Asks the api. @throws when no whole answer comes */
export async function sendRequest(
  url: string,
  { method, path, token, body }: ApiRequest,
): Promise<ApiResponse> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json');
  return {
    status: answer.status,
    text,
    problem: isProblem === true ? problemOf(text) : undefined,
    retryAfterSeconds: Number(answer.headers.get('retry-after')),
  };
}

/** Whether it says "not now" as every outage must: with its own documented type and when to come back. */
export function isRetryLater(answer: ApiResponse): boolean {
  const isOne = answer.status === 503 || answer.status === 429;
  return isOne && isDocumented(answer.problem) && answer.retryAfterSeconds > 0;
}

/** Whether a problem has its page in docs/problems. */
export function isDocumented(problem: string | undefined): boolean {
  if (problem === undefined || problem === 'internal-error') return false;
  return existsSync(`${problemPages()}${problem}.md`);
}

function problemOf(text: string): string | undefined {
  const { type = '' } = JSON.parse(text) as { type?: string };
  return /^urn:acs-identity:problem:([a-z-]+)$/.exec(type)?.[1];
}

function problemPages(): string {
  // Built, this file is dist/test/chaos/support/request.js.
  const here = fileURLToPath(import.meta.url);
  const root = here.includes('/dist/') ? '../../../../' : '../../../';
  return fileURLToPath(new URL(`${root}docs/problems/`, import.meta.url));
}
