import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const HOST_VERSION = '4.1048.200.0';

/** What YARP does not pass on, and what .NET's own tracing replaces. */
const DROPPED = new Set([
  ...['connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'te', 'alt-svc', 'alpn', 'close'],
  ...['proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'proxy-features'],
  ...['proxy-authentication-info', 'proxy-instruction', 'security-scheme', 'http2-settings'],
  ...['upgrade-insecure-requests', 'forwarded', 'x-forwarded-prefix'],
  ...['traceparent', 'tracestate', 'request-id', 'baggage', 'correlation-context'],
]);

/** The peer of the host. */
const FRONT_END_ADDRESS = '10.0.128.16';
/** The peer of the front end: where every caller of this stand-in comes from. */
export const CLIENT_ADDRESS = '203.0.113.9';

/** What the front end and the host make of the headers of a caller. */
export function proxiedHeaders(
  { headers }: IncomingMessage,
  handlerPort: number,
): Record<string, string | string[]> {
  const passed = Object.entries(headers).filter(
    ([name, value]) =>
      value !== undefined && !DROPPED.has(name) && !name.startsWith('x-ms-client-principal'),
  ) as [string, string | string[]][]; // values are not undefined
  const invocationId = randomUUID();
  return {
    ...Object.fromEntries(passed),
    // The front end, which is also all that the host knows of the caller.
    ...{ 'x-arr-log-id': randomUUID(), 'client-ip': `${CLIENT_ADDRESS}:50812` },
    'x-forwarded-for': FRONT_END_ADDRESS,
    'x-forwarded-host': headers.host ?? '',
    'x-forwarded-proto': 'https',
    ...{ host: `127.0.0.1:${handlerPort}`, traceparent: newTraceParent() },
    'x-azure-functions-hostversion': HOST_VERSION,
    'x-azure-functions-invocationid': invocationId,
    'x-ms-invocation-id': invocationId,
  };
}

/** What the host sends when it calls for itself. */
export function timerHeaders(): Record<string, string> {
  return {
    'X-Azure-Functions-HostVersion': HOST_VERSION,
    'X-Azure-Functions-InvocationId': randomUUID(),
    'User-Agent': `Azure-Functions-Host/${HOST_VERSION}`,
    'Content-Type': 'application/json; charset=utf-8',
    'Transfer-Encoding': 'chunked', // .NET does not know the length of what it has yet to write
    traceparent: newTraceParent(),
  };
}

export function withoutHopByHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DROPPED.has(name)));
}

function newTraceParent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}
