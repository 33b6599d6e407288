import type { FastifyInstance } from 'fastify';
import { InvalidJson, parseStrictJson } from '#libs/platform';
import { InvalidRequest } from './request-errors.js';

/**
 * Replaces Fastify's parsers of bodies: only JSON is read, and only strict JSON is accepted. An empty body
 * is none: some clients send the content type with every request.
 */
export function useStrictJsonBodies(server: FastifyInstance): void {
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (_request, body, done) => {
      parseJsonBody(body, done);
    },
  );
}

/** @param done gets the fault, or the value; `undefined` for an empty body */
export function parseJsonBody(
  body: Buffer,
  done: (error: Error | null, value?: unknown) => void,
): void {
  try {
    done(null, body.length === 0 ? undefined : parseStrictJson(body));
  } catch (error) {
    const isInvalid = error instanceof InvalidJson;
    done(
      isInvalid
        ? new InvalidRequest([{ pointer: '', detail: `the body ${error.message}` }])
        : new Error('the body could not be read', { cause: error }),
    );
  }
}
