import type { ServerResponse } from 'node:http';

const CALLBACKS = Symbol('called when the response is closed');

/** Not in a WeakMap, whose entries cost the collector more than all callbacks together. */
interface WatchedResponse extends ServerResponse {
  [CALLBACKS]?: (() => void)[];
}

/**
 * Calls back once, when the response has left or its connection is closed, in the order of the calls. Never
 * for a response that is closed already.
 *
 * All callbacks of a response share one listener: Node warns at eleven, which those of Fastify and of a
 * stream that is sent would reach together with one for each callback.
 */
export function onClosed(response: ServerResponse, callback: () => void): void {
  const watched: WatchedResponse = response;
  if (watched[CALLBACKS]) {
    watched[CALLBACKS].push(callback);
    return;
  }
  const callbacks = (watched[CALLBACKS] = [callback]);
  response.once('close', () => {
    for (const each of callbacks) each();
  });
}
