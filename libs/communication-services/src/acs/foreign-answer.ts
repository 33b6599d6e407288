import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';

/** What answered is not certainly ACS: a proxy, a gateway or a sign-in page, for instance. */
export class ForeignAnswer extends Error {
  override readonly name = 'ForeignAnswer';

  /** @param why without anything of the response's body */
  constructor(
    readonly status: number,
    why: string,
  ) {
    super(`something that is not Azure Communication Services answered ${status}: ${why}`);
  }
}

/** ACS answered that the identity of the request does not exist. */
export class AbsentIdentity extends Error {
  override readonly name = 'AbsentIdentity';

  constructor(readonly status: number) {
    super(`Azure Communication Services answered ${status}: the identity does not exist`);
  }
}

const REQUEST_ID = 'x-ms-client-request-id';
const IDENTITY_ID = /\b8:[a-z-]*acs:[\w-]+/gi;
/** Codes of an error about the identity in the path of the request. `NotFound` may also be about the path. */
const IDENTITY_NOT_FOUND = /^(?:Identity|User)NotFound$/;

/**
 * Checks that a response is ACS's own and about this request: it has a correlation vector or the
 * request's id, not another request's id, and a JSON body where ACS sends one.
 *
 * 429 and 503 are exempt. Anything on the way may demand a pause, and the pause is bounded.
 *
 * @throws ForeignAnswer
 */
export function assertAnswerOfAcs(
  request: Pick<PipelineRequest, 'headers'>,
  { status, headers, bodyAsText }: Pick<PipelineResponse, 'status' | 'headers' | 'bodyAsText'>,
): void {
  if (status === 429 || status === 503) return;
  const foreign = (why: string): ForeignAnswer => new ForeignAnswer(status, why);
  if (status >= 300 && status < 400) throw foreign('a redirect');
  const sentId = request.headers.get(REQUEST_ID) ?? '';
  const echoedId = headers.get(REQUEST_ID) ?? '';
  if (echoedId !== '' && echoedId !== sentId) throw foreign('it is for another request');
  if ((headers.get('ms-cv') ?? '') === '' && echoedId === '') {
    throw foreign('it has no header of Azure Communication Services');
  }
  if (status === 204) return;
  if (!/^application\/json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) {
    throw foreign('it is not JSON');
  }
  const body = parsed(bodyAsText ?? '');
  if (body === undefined) throw foreign('it is malformed');
  if (status >= 400 && typeof errorOf(body)?.code !== 'string') {
    throw foreign('it has no error code');
  }
}

/**
 * Whether an error response of ACS certainly says that the identity of the request does not exist.
 *
 * ACS's code for a deleted identity is not documented. `NotFound` alone may be about the path, so that
 * the message has to name the identity.
 */
export function saysIdentityIsMissing(
  { url }: Pick<PipelineRequest, 'url'>,
  { bodyAsText }: Pick<PipelineResponse, 'bodyAsText'>,
): boolean {
  const error = errorOf(parsed(bodyAsText ?? ''));
  const code = String(error?.code);
  const message = typeof error?.message === 'string' ? error.message : '';
  const requested = decodeURIComponent(new URL(url).pathname).toLowerCase();
  const named = message.match(IDENTITY_ID) ?? [];
  if (!named.every((id) => requested.includes(`/${id.toLowerCase()}`))) return false;
  if (IDENTITY_NOT_FOUND.test(code)) return true;
  return code === 'NotFound' && /\bidentity\b/i.test(message);
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function errorOf(body: Readonly<Record<string, unknown>> | undefined) {
  return record(body?.error);
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Record<string, unknown>) : undefined; // narrowed to a plain object
}
