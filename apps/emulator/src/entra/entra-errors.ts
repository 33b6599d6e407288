import { randomUUID } from 'node:crypto';
import { HttpError } from '../http-error.js';
import type { ServiceReply } from '../route.js';

/** An error of Entra ID: the OAuth error code, the AADSTS number and its message. */
export interface EntraError {
  readonly error: string;
  readonly number: number;
  readonly message: string;
  /** Default 400. */
  readonly status?: number;
}

/** An error response in the format of Entra's token endpoint. */
export class EntraHttpError extends HttpError {
  constructor(readonly reason: EntraError) {
    super(entraErrorReply(reason));
  }
}

/** The response of the token endpoint for an error. */
export function entraErrorReply(reason: EntraError): ServiceReply {
  const traceId = randomUUID();
  const correlationId = randomUUID();
  const timestamp = new Date()
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
  return {
    status: reason.status ?? 400,
    headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
    body: {
      error: reason.error,
      error_description:
        `${describeEntraError(reason)} Trace ID: ${traceId} ` +
        `Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [reason.number],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
    },
  };
}

/** The text of `error_description`, without trace ids. */
export function describeEntraError(reason: EntraError): string {
  return `AADSTS${reason.number}: ${reason.message}`;
}

export function missingParameter(name: string): EntraError {
  return {
    error: 'invalid_request',
    number: 900144,
    message: `The request body must contain the following parameter: '${name}'.`,
  };
}

export function malformedGrant(): EntraError {
  return {
    error: 'invalid_grant',
    number: 9002313,
    message: 'Invalid request. Request is malformed or invalid.',
  };
}
