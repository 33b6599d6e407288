import { once } from 'node:events';
import { request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { Clock, OutboundHttp } from '#libs/platform';
import type { ClockMeasurement } from './clock-finding.js';

/** What the first answer of a server says. */
export interface EndpointProbe {
  /** Absent without TLS. */
  readonly certificateExpiresAt: Date | undefined;
  /** From the header `Date`; absent when the server sends none. */
  readonly clock: ClockMeasurement | undefined;
}

/** `Date` has whole seconds: the true time is between it and the next second. */
const DATE_RESOLUTION_MS = 1_000;

/**
 * Requests the head of a server's first page as the service connects to it: through the proxy, with the same
 * trust in certificates. Any status will do.
 *
 * @throws ProxyFailure, or the error of the network or of TLS
 */
export async function probeEndpoint(
  origin: string,
  { outbound, clock, signal }: { outbound: OutboundHttp; clock: Clock; signal: AbortSignal },
): Promise<EndpointProbe> {
  const { protocol, hostname, port, host } = new URL(origin);
  const isTls = protocol === 'https:';
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  const raw = await outbound.connect(name, Number(port || (isTls ? 443 : 80)), signal);
  const secure = isTls
    ? connect({
        socket: raw,
        host: name,
        ...(isIP(name) === 0 && { servername: name }),
        rejectUnauthorized: true,
      })
    : undefined;
  const socket = secure ?? raw;
  try {
    if (secure) await once(secure, 'secureConnect', { signal });
    const certificateExpiresAt = secure && new Date(secure.getPeerCertificate().valid_to);
    const options = { method: 'HEAD', path: '/', headers: { host }, signal };
    const sentAt = clock.now();
    const send = isTls ? request : requestPlain;
    const head = send({ ...options, createConnection: () => socket }).end();
    const [response] = (await once(head, 'response', { signal })) as [
      { headers: { date?: string } },
    ]; // of Node
    return {
      certificateExpiresAt,
      clock: measured(response.headers.date, sentAt, clock.now()),
    };
  } finally {
    socket.destroy();
    raw.destroy();
  }
}

function measured(
  date: string | undefined,
  sentAt: number,
  answeredAt: number,
): ClockMeasurement | undefined {
  const dateMs = Date.parse(date ?? '');
  if (Number.isNaN(dateMs)) return undefined;
  const offsetMs = (sentAt + answeredAt) / 2 - (dateMs + DATE_RESOLUTION_MS / 2);
  return { offsetMs, uncertaintyMs: (answeredAt - sentAt + DATE_RESOLUTION_MS) / 2 };
}
