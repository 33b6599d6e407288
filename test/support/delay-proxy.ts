import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface DelayProxyOptions {
  /** Port of the server on 127.0.0.1. */
  readonly targetPort: number;
  /** Loopback address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Milliseconds by which each message is late, in both directions. Default: 0. */
  readonly delayMs?: number;
}

/**
 * A TCP proxy in front of PostgreSQL that puts it at a distance: what either side sends arrives in order,
 * `delayMs` later, so that a round trip takes twice the delay. It also fails as networks do: it pauses,
 * cuts connections, and loses answers whose requests have arrived.
 *
 * Runs in the process of the test. Node's timers add up to a millisecond to a delay.
 */
export class DelayProxy {
  /** May be changed at any time. */
  delayMs: number;
  /** How often a client has sent something after an answer, or for the first time. */
  roundTrips = 0;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #isPaused = false;
  #isLosingAnswers = false;

  private constructor(private readonly options: DelayProxyOptions) {
    this.delayMs = options.delayMs ?? 0;
    this.#server = createServer((client) => {
      this.#link(client);
    });
  }

  /** Starts on a free port of 127.0.0.1. Call `stop` at the end. */
  static async start(options: DelayProxyOptions): Promise<DelayProxy> {
    const proxy = new DelayProxy(options);
    proxy.#server.listen(0, options.host ?? '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The same address by way of the proxy. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.port = String((this.#server.address() as AddressInfo).port); // it listens on TCP
    return url.href;
  }

  /** Holds everything back, as when the server's machine is paused. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const link of this.#links) link.deliver();
  }

  /** Discards what the server sends from now on; requests still arrive. Ends with `cut`. */
  loseAnswers(): void {
    this.#isLosingAnswers = true;
  }

  /** Destroys every connection. New ones are undisturbed. */
  cut(): void {
    this.#isLosingAnswers = false;
    for (const link of this.#links) link.destroy();
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const link of this.#links) link.destroy();
    await once(this.#server, 'close');
  }

  #link(client: Socket): void {
    const server = connect(this.options.targetPort, '127.0.0.1');
    let isAnswered = true;
    client.on('data', () => {
      if (isAnswered) this.roundTrips += 1;
      isAnswered = false;
    });
    server.on('data', () => {
      isAnswered = true;
    });
    const link = new Link(
      new LateStream(
        client,
        server,
        () => this.delayMs,
        () => this.#isPaused,
      ),
      new LateStream(
        server,
        client,
        () => this.delayMs,
        () => this.#isPaused,
        () => this.#isLosingAnswers,
      ),
    );
    this.#links.add(link);
    const end = (): void => {
      link.destroy();
      this.#links.delete(link);
    };
    for (const socket of [client, server]) {
      socket
        .setNoDelay(true)
        .on('error', () => undefined)
        .on('close', end);
    }
  }
}

/** A connection of a client with the server. */
class Link {
  constructor(
    private readonly requests: LateStream,
    private readonly answers: LateStream,
  ) {}

  deliver(): void {
    this.requests.deliver();
    this.answers.deliver();
  }

  destroy(): void {
    this.requests.destroy();
    this.answers.destroy();
  }
}

/** One direction of a connection. Has no back-pressure: what is under way is kept in memory. */
class LateStream {
  readonly #waiting: { readonly chunk: Buffer; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    delayMs: () => number,
    private readonly isPaused: () => boolean,
    isLost: () => boolean = () => false,
  ) {
    from.on('data', (chunk: Buffer) => {
      if (isLost()) return;
      this.#waiting.push({ chunk, dueAt: performance.now() + delayMs() });
      this.deliver();
    });
    from.on('end', () => {
      // Its last bytes have arrived; those that are under way come first.
      this.#waiting.push({ chunk: Buffer.of(), dueAt: performance.now() + delayMs() });
      this.deliver();
    });
  }

  /** Delivers what is due, and the rest later. */
  deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (;;) {
      const [next] = this.#waiting;
      if (!next || this.isPaused()) return;
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.deliver();
        }, waitMs);
        return;
      }
      this.#waiting.shift();
      if (next.chunk.length === 0) this.to.end();
      else this.to.write(next.chunk);
    }
  }

  destroy(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.from.destroy();
    this.to.destroy();
  }
}
