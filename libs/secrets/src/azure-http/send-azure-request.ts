import {
  createHttpHeaders,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { currentTraceparent } from '#libs/platform';
import type { Dispatcher } from 'undici';

/** Sends a request of an Azure SDK over a dispatcher. Its body has to be text or bytes. */
export async function sendAzureRequest(
  dispatcher: Dispatcher,
  request: PipelineRequest,
  signal: AbortSignal | null,
): Promise<PipelineResponse> {
  const { pathname, search, origin } = new URL(request.url);
  const traceparent = currentTraceparent();
  const response = await dispatcher.request({
    origin,
    path: pathname + search,
    method: request.method,
    // undici does not decompress, as the SDK's own client does, which asks for it.
    headers: {
      ...request.headers.toJSON(),
      'accept-encoding': 'identity',
      ...(traceparent !== undefined && { traceparent }),
    },
    body: bodyOf(request.body),
    signal,
  });
  const bodyAsText = await response.body.text();
  const headers = createHttpHeaders();
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  return { request, status: response.statusCode, headers, bodyAsText };
}

function bodyOf(body: PipelineRequest['body']): string | Uint8Array | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new TypeError('the body of a request must be text or bytes');
}
