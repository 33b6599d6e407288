import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxyOptions {
  /** Refuses those without these, with 407. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Makes it an https proxy. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Names that no DNS has and that lead to 127.0.0.1 here. Others are connected to as they are. */
  readonly hosts?: readonly string[];
}

/** How the proxy fails: with a status, with no answer, or by closing the connection. */
export type ProxyFault = number | 'hang' | 'reset';

/** An HTTP proxy for tunnels (RFC 9110, section 9.3.6) that records them, and fails on request. */
export class ConnectProxy {
  /** Host and port of each request for a tunnel, also of refused ones. */
  readonly targets: string[] = [];
  /** How it fails for a target; not at all by default. */
  faultFor: (target: string) => ProxyFault | undefined = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly options: ConnectProxyOptions) {
    this.#server = options.tls ? createTlsServer(options.tls) : createServer();
    this.#server.on('connection', (socket: Socket) => {
      this.#keep(socket);
    });
    this.#server.on('connect', (request: IncomingMessage, client: Socket) => {
      this.#tunnel(request, client);
    });
  }

  /** Starts on a free port of 127.0.0.1. Call `stop` at the end. */
  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Without credentials. */
  get origin(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `${this.options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  }

  /** The value for `HTTPS_PROXY`. */
  get url(): string {
    const { user = '', password = '' } = this.options.credentials ?? {};
    const [username, secret] = [user, password].map(encodeURIComponent);
    return Object.assign(new URL(this.origin), { username, password: secret }).href;
  }

  /** Closes the tunnels that are open: clients need new ones. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #tunnel(request: IncomingMessage, client: Socket): void {
    const target = request.url ?? '';
    client.on('error', () => undefined);
    this.targets.push(target);
    const fault = this.faultFor(target) ?? (this.#isAllowed(request) ? undefined : 407);
    if (fault === 'hang') return;
    if (fault === 'reset') {
      client.destroy();
      return;
    }
    if (fault !== undefined) {
      client.end(`HTTP/1.1 ${fault} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`https://${target}`);
    const host = this.options.hosts?.includes(hostname) ? '127.0.0.1' : hostname;
    const server = connect(Number(port || 443), host.replace(/^\[(.*)\]$/, '$1'), () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    this.#keep(server);
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const { credentials } = this.options;
    if (credentials === undefined) return true;
    const expected = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
    return headers['proxy-authorization'] === `Basic ${expected}`;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
