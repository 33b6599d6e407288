import {
  createHttpHeaders,
  createPipelineRequest,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';

/** The options that every method of the clients takes. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly customHeaders: Record<string, string> };
  readonly onResponse: (response: {
    readonly status: number;
    readonly headers: { get(name: string): string | undefined };
  }) => void;
}

/** A request of an operation that the SDK lacks. */
export interface AcsRequest {
  readonly method: 'POST' | 'PUT' | 'GET' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly content?: object;
}

/**
 * Sends a request through the pipeline of a client.
 *
 * @returns the content of the response; `undefined` for 204
 * @throws RestError, as the SDK's client, for an error response
 */
export async function sendRequest(
  send: (request: PipelineRequest) => Promise<PipelineResponse>,
  { method, url, headers, content }: AcsRequest,
  { abortSignal, requestOptions, onResponse }: CallOptions,
): Promise<unknown> {
  const response = await send(
    createPipelineRequest({
      ...{ method, url, abortSignal },
      headers: createHttpHeaders({
        ...requestOptions.customHeaders,
        ...headers,
        accept: 'application/json',
        ...(content && { 'content-type': 'application/json' }),
      }),
      ...(content && { body: JSON.stringify(content) }),
    }),
  );
  onResponse(response);
  const { status, bodyAsText } = response;
  // The HTTP client has checked that a response other than 204, 429 and 503 is JSON.
  const isSuccess = status >= 200 && status < 300;
  if (!isSuccess) {
    const code = codeOf(bodyAsText);
    const { request } = response;
    throw new RestError('ACS refused the request', {
      ...(code !== undefined && { code }),
      ...{ statusCode: status, request, response },
    });
  }
  return status === 204 ? undefined : JSON.parse(bodyAsText ?? '');
}

function codeOf(body: string | null | undefined): string | undefined {
  try {
    const parsed = JSON.parse(body ?? '') as {
      readonly error?: { readonly code?: unknown };
    } | null;
    const code = parsed?.error?.code;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined; // of a proxy, with 429 or 503
  }
}
