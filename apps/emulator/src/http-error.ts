import type { ServiceReply } from './route.js';

/** Thrown by a route handler to answer with an error response. */
export class HttpError extends Error {
  constructor(readonly reply: ServiceReply) {
    super(`HTTP ${reply.status}`);
  }
}

/** The error body that Azure services share. */
export function azureError(code: string, message: string, target?: string): object {
  return { error: { code, message, ...(target === undefined ? {} : { target }) } };
}
