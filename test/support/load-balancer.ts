import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Pool } from 'undici';
import { until } from './until.js';

const CHECK_INTERVAL_MS = 500;
const CHECK_TIMEOUT_MS = 2_000;

interface Backend {
  readonly pool: Pool;
  /** Whether the last readiness check passed. */
  isReady: boolean;
  lastResponseAt: number;
}

/**
 * A load balancer: sends requests in turn to the replicas whose readiness check passed, over connections
 * that it keeps open. It repeats no request: what a replica does not answer gets 502.
 */
export class LoadBalancer {
  readonly #backends = new Map<string, Backend>();
  readonly #timer: NodeJS.Timeout;
  #turn = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {
    this.#timer = setInterval(() => {
      for (const backend of this.#backends.values()) void this.#check(backend);
    }, CHECK_INTERVAL_MS);
  }

  static async start(): Promise<LoadBalancer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on a port
    const balancer = new LoadBalancer(server, `http://127.0.0.1:${port}`);
    server.on('request', (request, response) => void balancer.#forward(request, response));
    return balancer;
  }

  /** Adds a replica, which gets requests once it is ready. */
  add(url: string): void {
    this.#backends.set(url, { pool: new Pool(url), isReady: false, lastResponseAt: 0 });
  }

  /** Removes a replica that has ended. @returns when its last response ended, as `performance.now()` */
  async remove(url: string): Promise<number> {
    const backend = this.#backends.get(url);
    this.#backends.delete(url);
    await backend?.pool.destroy();
    return backend?.lastResponseAt ?? 0;
  }

  async untilReady(url: string): Promise<void> {
    const isReady = (): boolean => this.#backends.get(url)?.isReady === true;
    await until('the replica is ready', 60_000, isReady);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await Promise.all([...this.#backends.keys()].map(async (url) => this.remove(url)));
  }

  async #check(backend: Backend): Promise<void> {
    try {
      const { statusCode, body } = await backend.pool.request({
        ...{ method: 'GET', path: '/health/ready' },
        signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      });
      await body.dump();
      backend.isReady = statusCode === 200;
    } catch {
      backend.isReady = false;
    }
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await buffer(request);
    const ready = [...this.#backends.values()].filter(({ isReady }) => isReady);
    this.#turn += 1;
    const backend = ready[this.#turn % ready.length];
    if (!backend) {
      response.writeHead(502).end('no replica is ready');
      return;
    }
    const { 'content-type': type, authorization } = request.headers;
    try {
      const { statusCode, headers, body } = await backend.pool.request({
        ...{ method: request.method ?? 'GET', path: request.url ?? '/', body: sent },
        headers: { ...(type && { 'content-type': type }), ...(authorization && { authorization }) },
      });
      const received = Buffer.from(await body.arrayBuffer());
      backend.lastResponseAt = performance.now();
      const answered = String(headers['content-type']);
      response.writeHead(statusCode, { 'content-type': answered }).end(received);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  }
}
