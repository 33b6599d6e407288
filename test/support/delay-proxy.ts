import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Forwards TCP connections and holds each chunk for a while in both directions, as a network of that
 * latency would. The order and the number of bytes per second stay the same.
 */
export class DelayProxy {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: { readonly port: number; readonly delayMs: number },
  ) {
    server.on('connection', (client) => {
      this.#forward(client);
    });
  }

  /** @param options.port on loopback; `delayMs` is the time of one way */
  static async start(options: {
    readonly port: number;
    readonly delayMs: number;
  }): Promise<DelayProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DelayProxy(server, options);
  }

  /** The same URL, through the proxy. */
  urlOf(url: string): string {
    const { port } = this.server.address() as AddressInfo; // it listens on TCP
    return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href;
  }

  async stop(): Promise<void> {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.server.listening) await once(this.server, 'close');
  }

  #forward(client: Socket): void {
    const target = connect({ port: this.options.port, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => {
        this.#later(() => to.write(chunk));
      });
      from.on('end', () => {
        this.#later(() => to.end());
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#later(() => to.destroy());
      });
    }
  }

  #later(forward: () => void): void {
    setTimeout(forward, this.options.delayMs);
  }
}
