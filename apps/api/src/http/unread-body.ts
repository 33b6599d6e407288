import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { UnsupportedMediaType } from './request-errors.js';

/**
 * Whether a body has a byte, as soon as that is known. What follows is discarded. A body whose connection
 * ends before it counts as one with bytes.
 */
export async function hasBytes(body: Readable): Promise<boolean> {
  if (body.readableEnded) return false;
  if (body.destroyed) return true;
  return new Promise((resolve) => {
    const answer = (isFilled: boolean) => (): void => {
      resolve(isFilled);
    };
    body.once('data', answer(true)).once('end', answer(false));
    body.once('error', answer(true)).once('close', answer(true));
  });
}

/**
 * Takes an empty body of any content type, or without one, for none: proxies and clients that stream send
 * one in chunks where they have nothing to send. Others are refused without being read, where there is a route.
 */
export function refuseOtherBodies(server: FastifyInstance): void {
  server.addContentTypeParser('*', async (request: FastifyRequest, body: Readable) => {
    if (!request.is404 && (await hasBytes(body))) throw new UnsupportedMediaType();
    return undefined;
  });
}
