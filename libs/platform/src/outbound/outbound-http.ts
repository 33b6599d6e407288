import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher, EnvHttpProxyAgent, fetch, Pool } from 'undici';
import { errorCode } from '../errors/error-code.js';
import { ProxyFailure } from './proxy-failure.js';
import type { ProxySettings } from './proxy-variables.js';

export interface DispatcherOptions {
  /** For opening a connection; through a proxy it takes 4/5 of it at most. */
  readonly timeoutMs: number;
  /** To one origin; unlimited by default. */
  readonly connections?: number;
  /** Default: more than Azure and issuers answer with. */
  readonly maxResponseBytes?: number;
}

const MAX_RESPONSE_BYTES = 1 << 20;
/** A proxy that gives no tunnel is named as the reason, before the deadline of the call ends it. */
const TUNNEL_SHARE = 0.8;
/** Whatever `NODE_TLS_REJECT_UNAUTHORIZED` says. */
const VERIFIED = { rejectUnauthorized: true } as const;
/** For a tunnel of another protocol; the signal of its caller may end it earlier. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How HTTP requests leave the process: directly or through the proxy. Every client uses its dispatchers. */
export class OutboundHttp implements OnApplicationShutdown {
  readonly #dispatchers: Dispatcher[] = [];

  constructor(private readonly settings: ProxySettings = { proxy: undefined, noProxy: [] }) {}

  /**
   * A dispatcher with keep-alive connections, one request at a time on each. Requests need a signal:
   * no other deadline than that of connecting applies.
   *
   * Its requests fail with `ProxyFailure` when the proxy gives no tunnel; nothing was sent then.
   */
  dispatcher({
    timeoutMs,
    connections,
    maxResponseBytes = MAX_RESPONSE_BYTES,
  }: DispatcherOptions): Dispatcher {
    const { proxy, noProxy } = this.settings;
    const options = {
      ...(connections !== undefined && { connections }),
      pipelining: 1,
      allowH2: false,
      connect: { timeout: timeoutMs, ...VERIFIED },
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: maxResponseBytes,
    };
    const dispatcher =
      proxy === undefined
        ? new Agent(options)
        : new EnvHttpProxyAgent({
            ...options,
            httpProxy: proxy,
            httpsProxy: proxy,
            noProxy: noProxy.join(','),
            proxyTls: VERIFIED,
            requestTls: VERIFIED,
            clientFactory: (origin, given) => clientOf(origin, given, timeoutMs * TUNNEL_SHARE),
          });
    this.#dispatchers.push(dispatcher);
    return dispatcher;
  }

  /** `fetch` through a dispatcher of its own. */
  fetch(options: DispatcherOptions): typeof fetch {
    const dispatcher = this.dispatcher(options);
    return async (input, init) => fetch(input, { ...init, dispatcher });
  }

  /**
   * A connection for another protocol than HTTP, with the same rules: through a tunnel of the proxy, or
   * directly. The caller closes it.
   *
   * @throws ProxyFailure
   * @throws the network's error, or the signal's reason
   */
  async connect(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const { proxy, noProxy } = this.settings;
    if (proxy !== undefined && !noProxy.some((entry) => isReachedBy(entry, host, port))) {
      const url = new URL(proxy);
      const { username, password } = url;
      const pair = [username, password].map(decodeURIComponent).join(':');
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
      const pool = clientOf(
        new URL(url.origin),
        { connections: 1, connect: VERIFIED },
        CONNECT_TIMEOUT_MS,
      );
      this.#dispatchers.push(pool);
      const path = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      const headers = username === '' ? {} : { 'proxy-authorization': authorization };
      const { socket } = await pool.connect({ origin: url.origin, path, headers, signal });
      socket.once('close', () => {
        this.#dispatchers.splice(this.#dispatchers.indexOf(pool), 1);
        void pool.destroy();
      });
      return socket;
    }
    const socket = connectTcp({ host, port });
    try {
      await once(socket, 'connect', { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#dispatchers.map(async (one) => one.destroy()));
  }
}

/** Whether an entry of `NO_PROXY` names the host, as undici reads it for requests. */
function isReachedBy(entry: string, host: string, port: number): boolean {
  const [, bracketed, name = '', ownPort] =
    /^(?:\[(.+)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  if (ownPort !== undefined && Number(ownPort) !== port) return false;
  const [own, target] = [bracketed ?? name, host].map((one) =>
    one.toLowerCase().replace(/\.$/, ''),
  );
  if (own === undefined || target === undefined) return false;
  const parent = own.replace(/^\*?\./, '');
  return (
    own === '*' || (!own.startsWith('*.') && target === parent) || target.endsWith(`.${parent}`)
  );
}

/** The form of `connect` that `ProxyAgent` calls. */
type OpenTunnel = (request: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData>;

/** The connections to the proxy itself, which fail with `ProxyFailure`. */
function clientOf(proxy: URL, options: object, timeoutMs: number): Dispatcher {
  const pool = new Pool(proxy, options);
  const open: OpenTunnel = pool.connect.bind(pool);
  const connect: OpenTunnel = async (request) => {
    const fail = (what: string, code: string, cause?: unknown): never => {
      throw new ProxyFailure(proxy, request.path, what, code, cause);
    };
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    const { signal: given } = request;
    const signal = given instanceof AbortSignal ? AbortSignal.any([given, timeout]) : timeout;
    const answer = await open({ ...request, signal }).catch((error: unknown) =>
      timeout.aborted
        ? fail('did not answer in time', 'PROXY_TIMEOUT', error)
        : fail('can not be used', errorCode(error) ?? 'PROXY_ERROR', error),
    );
    if (answer.statusCode === 200) return answer;
    answer.socket.on('error', () => undefined).destroy();
    return fail(`answered ${answer.statusCode}`, `PROXY_STATUS_${answer.statusCode}`);
  };
  return Object.assign(pool, { connect });
}
