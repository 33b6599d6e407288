import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type FunctionApp, readFunctionApp } from './functions-app.js';
import { proxiedHeaders, timerHeaders, withoutHopByHop } from './functions-headers.js';

const POLL_INTERVAL_MS = 25;
/** Of RetryProxyHandler in the host. */
const RETRIES = { max: 10, firstPauseMs: 50, maxPauseMs: 250 };
const ACTIVITY_TIMEOUT_MS = 240_000;
/** The host stops itself after so many ends of its handler in a row. */
const MAX_HANDLER_ENDS = 3;

/** Of every function that needs one. */
export const FUNCTION_KEY = 'a-key-of-the-function-app';
export interface FunctionsHostOptions {
  /** Folder of the function app. */
  readonly root: string;
  /** The app settings. The process inherits them and nothing else. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  /** Receives each line that the process prints. */
  readonly onLine?: (line: string) => void;
}

/**
 * A stand-in for the host of Azure Functions with the platform's front end before it, for a custom handler.
 *
 * From the source of azure-functions-host (HttpWorkerProcess, DefaultHttpWorkerService,
 * DefaultHttpProxyService, RetryProxyHandler, HttpFunctionInvocationDispatcher) and of YARP 2
 * (HttpTransformer.Default, RequestUtilities). The schedule of a timer is read, but `runTimer` decides when.
 */
export class FunctionsHost {
  /** Milliseconds from the start of the newest process to its first answer. */
  startMs = 0;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  #process: ChildProcess | undefined;
  #handlerEnds = 0;
  #isStopped = false;

  private constructor(
    private readonly app: FunctionApp,
    private readonly options: FunctionsHostOptions,
    private readonly handlerPort: number,
  ) {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** Starts the handler, waits until it answers, and listens on a free port. Call `stop` at the end. */
  static async start(options: FunctionsHostOptions): Promise<FunctionsHost> {
    const app = await readFunctionApp(options.root);
    if (options.settings.FUNCTIONS_WORKER_RUNTIME?.toLowerCase() !== 'custom')
      throw new Error('FUNCTIONS_WORKER_RUNTIME is not custom');
    if (app.timers.size > 0 && options.settings.AzureWebJobsStorage === undefined)
      throw new Error('timers need AzureWebJobsStorage');
    const host = new FunctionsHost(app, options, await freePort());
    await host.#startHandler();
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  /** The address of the function app. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens on TCP
  }

  /** The address of the handler, which only the host should use. */
  get handlerUrl(): string {
    return `http://127.0.0.1:${this.handlerPort}`;
  }

  /**
   * Calls a timer function, as its schedule would.
   *
   * @returns the lines that the handler gave for the log of the call
   * @throws when the handler does not answer as the host wants it
   */
  async runTimer(name: string): Promise<readonly string[]> {
    const binding = this.app.timers.get(name);
    if (binding === undefined) throw new Error(`${name} is no timer function`);
    const now = new Date().toISOString();
    const payload = {
      Data: {
        [binding]: {
          Schedule: { AdjustForDST: true },
          ScheduleStatus: { Last: now, LastUpdated: now, Next: now },
          IsPastDue: false,
        },
      },
      Metadata: { sys: { MethodName: name, UtcNow: now, RandGuid: randomUUID() } },
    };
    const sent = this.#request('POST', `/${name}`, timerHeaders());
    sent.end(JSON.stringify(payload));
    const { response } = await answerOf(sent);
    const text = await textOf(response);
    if (response.statusCode !== 200)
      throw new Error(`the call of ${name} failed with ${response.statusCode}: ${text}`);
    const result = JSON.parse(text) as { Outputs: object; Logs: string[]; ReturnValue: unknown };
    return result.Logs;
  }

  /** Ends the handler as the host does: with SIGKILL, whatever it is doing. The host starts it again. */
  async killHandler(): Promise<void> {
    const ended = this.#process && once(this.#process, 'exit');
    this.#process?.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.killHandler();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #startHandler(): Promise<void> {
    const startedAt = performance.now();
    const { root, executable, arguments: list } = this.app;
    const workerId = randomUUID();
    const child = spawn(executable, [...list], {
      cwd: root,
      env: {
        ...this.options.settings,
        FUNCTIONS_HTTPWORKER_PORT: String(this.handlerPort),
        FUNCTIONS_HTTPWORKER_ID: workerId,
        FUNCTIONS_CUSTOMHANDLER_PORT: String(this.handlerPort),
        FUNCTIONS_CUSTOMHANDLER_WORKER_ID: workerId,
        FUNCTIONS_APP_ROOT_PATH: root,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const output of [child.stdout, child.stderr])
      createInterface({ input: output }).on('line', (line) => this.options.onLine?.(line));
    child.once('exit', () => {
      this.#handlerEnds += 1;
      if (!this.#isStopped && this.#handlerEnds < MAX_HANDLER_ENDS)
        void this.#startHandler().catch(() => undefined);
    });
    while (!(await this.#answersPing())) {
      if (performance.now() - startedAt > this.app.initializationTimeoutMs)
        throw new Error('the handler did not answer in time');
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error('the handler ended before it answered');
      await delay(POLL_INTERVAL_MS);
    }
    this.startMs = performance.now() - startedAt;
  }

  /** Any answer counts. */
  async #answersPing(): Promise<boolean> {
    const sent = this.#request('GET', '/', {});
    sent.end();
    return answerOf(sent).then(
      ({ response }) => response.resume() === response,
      () => false,
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const [path = ''] = url.split('?', 1);
    const isOwn = /^\/(?:admin|runtime|\.auth)(?:\/|$)/i.test(path);
    const matched = this.app.http.find(({ pattern }) => pattern.test(decodeURI(path)));
    if (isOwn || matched?.methods.has(method) !== true) {
      response.writeHead(404).end();
      return;
    }
    if (matched.needsKey && request.headers['x-functions-key'] !== FUNCTION_KEY) {
      response.writeHead(401).end();
      return;
    }
    const headers = proxiedHeaders(request, this.handlerPort);
    let pauseMs = RETRIES.firstPauseMs;
    for (let attempt = 1; attempt <= RETRIES.max && !response.destroyed; attempt += 1) {
      const sent = this.#request(method, url, headers).setTimeout(ACTIVITY_TIMEOUT_MS);
      const body = bodyFor(request, sent);
      const abort = (): unknown => response.writableFinished || sent.destroy();
      response.once('close', abort);
      try {
        const { response: answer } = await answerOf(sent);
        response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
        answer.once('error', () => response.destroy()).pipe(response);
        return;
      } catch {
        response.off('close', abort);
        // What was read of a body cannot be sent again. A request without one may arrive twice.
        if (body.isConsumed) break;
        await delay(pauseMs);
        pauseMs = Math.min(pauseMs * 2, RETRIES.maxPauseMs);
      }
    }
    if (!response.headersSent) response.writeHead(502).end();
  }

  #request(
    method: string,
    path: string,
    headers: Record<string, string | string[]>,
  ): ClientRequest {
    const target = { host: '127.0.0.1', port: this.handlerPort, agent: this.#agent };
    const sent = httpRequest({ ...target, method, path, headers });
    // Node would add one; .NET keeps connections without.
    sent.removeHeader('connection');
    return sent;
  }
}

async function answerOf(sent: ClientRequest): Promise<{ readonly response: IncomingMessage }> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response };
}

/** Sends the body of a caller's request once the handler is connected, if the request has one. */
function bodyFor(request: IncomingMessage, sent: ClientRequest): { isConsumed: boolean } {
  const body = { isConsumed: false };
  const { 'transfer-encoding': encoding, 'content-length': length } = request.headers;
  if (encoding === undefined && length === undefined) {
    sent.end();
    return body;
  }
  const begin = (): void => {
    body.isConsumed = true;
    request.pipe(sent);
  };
  sent.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', begin);
    else begin();
  });
  return body;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  server.close();
  await once(server, 'close');
  return port;
}
