import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { onClosed } from './on-closed.js';

/** What a client has to take within the timeout. */
const MIN_BYTES = 16 * 1024;
const CHECKS_PER_TIMEOUT = 4;
/** Requests of a connection that wait for their answers. Proxies, browsers and SDKs send one at a time. */
const MAX_WAITING_REQUESTS = 32;

interface ConnectionState {
  waitingRequests: number;
  takenBytes: number;
  stalledMs: number;
}

/** What one connection may hold: of requests that were sent without waiting, and of answers that nobody reads. */
export class ConnectionLimits {
  readonly #connections = new Map<Socket, ConnectionState>();

  /**
   * Closes each connection whose client does not take its answers. Time in which the service has nothing to send
   * does not count.
   *
   * @param timeoutMs in which a client has to take 16 KiB
   */
  attach(server: Server, timeoutMs: number): void {
    server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, { waitingRequests: 0, takenBytes: 0, stalledMs: 0 });
      socket.once('close', () => this.#connections.delete(socket));
    });
    const intervalMs = timeoutMs / CHECKS_PER_TIMEOUT;
    const timer = setInterval(() => {
      for (const [socket, state] of this.#connections) {
        if (isStalled(socket, state, intervalMs) && state.stalledMs >= timeoutMs) socket.destroy();
      }
    }, intervalMs);
    timer.unref();
    server.once('close', () => {
      clearInterval(timer);
    });
  }

  /**
   * Counts a request until its response is closed.
   *
   * @returns false when its connection has too many: then it is closed
   */
  admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const state = this.#connections.get(socket);
    // A request that `inject` made up has no connection.
    if (!state) return true;
    if (state.waitingRequests >= MAX_WAITING_REQUESTS) {
      socket.destroy();
      return false;
    }
    state.waitingRequests += 1;
    onClosed(response, () => {
      state.waitingRequests -= 1;
    });
    return true;
  }
}

/** Adds the time since the last check, unless the client has taken enough or nothing is to be sent. */
function isStalled(socket: Socket, state: ConnectionState, intervalMs: number): boolean {
  const taken = socket.bytesWritten - socket.writableLength;
  if (socket.writableLength === 0 || taken - state.takenBytes >= MIN_BYTES) {
    state.takenBytes = taken;
    state.stalledMs = 0;
    return false;
  }
  state.stalledMs += intervalMs;
  return true;
}
