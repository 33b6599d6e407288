import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { InvalidJson, parseStrictJson } from '#libs/platform';
import { requirePlainBody } from './body-encoding.js';
import { InvalidRequest, UnsupportedEncoding } from './request-errors.js';

/**
 * Replaces Fastify's parsers of bodies: only JSON is read, and only strict JSON is accepted. An empty body
 * is none: some clients send the content type with every request.
 */
export function useStrictJsonBodies(server: FastifyInstance): void {
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    ({ headers }, body, done) => {
      parseJsonBody({ headers, body }, done);
    },
  );
}

/** @param done gets the fault, or the value; `undefined` for an empty body */
export function parseJsonBody(
  { headers, body }: { readonly headers: IncomingHttpHeaders; readonly body: Buffer },
  done: (error: Error | null, value?: unknown) => void,
): void {
  try {
    requirePlainBody(headers);
    done(null, body.length === 0 ? undefined : parseStrictJson(body));
  } catch (error) {
    done(refusalOf(error));
  }
}

function refusalOf(error: unknown): Error {
  if (error instanceof UnsupportedEncoding) return error;
  return error instanceof InvalidJson
    ? new InvalidRequest([{ pointer: '', detail: `the body ${error.message}` }])
    : new Error('the body could not be read', { cause: error });
}
