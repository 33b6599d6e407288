import type { ServerResponse } from 'node:http';

const waiting = new WeakMap<ServerResponse, (() => void)[]>();

/**
 * Calls back once, when the response has left or its connection is closed, in the order of the calls. Never
 * for a response that is closed already.
 *
 * All callbacks of a response share one listener: Node warns at eleven, which those of Fastify and of a
 * stream that is sent would reach together with one for each callback.
 */
export function onClosed(response: ServerResponse, callback: () => void): void {
  const callbacks = waiting.get(response);
  if (callbacks) {
    callbacks.push(callback);
    return;
  }
  const first = [callback];
  waiting.set(response, first);
  response.once('close', () => {
    for (const each of first) each();
  });
}
