import type { IncomingMessage, ServerResponse } from 'node:http';
import { Logger, Sweeps } from '#libs/platform';

/** The name of the timer function, a folder in deploy/functions: the host calls the path of that name. */
const TIMER_PATH = '/sweep';
/** The host ends a process whose call lasts longer than `functionTimeout` in its host.json: five minutes. */
const MAX_RUN_MS = 120_000;

/**
 * Every header that the host of Azure Functions sends when it calls for itself, which includes those of
 * .NET's tracing. To the requests of callers it adds others, which they cannot prevent: X-Forwarded-Proto,
 * X-Forwarded-Host and x-ms-invocation-id.
 */
const HOST_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'user-agent', 'content-type', 'content-length', 'transfer-encoding'],
  ...['x-azure-functions-hostversion', 'x-azure-functions-invocationid'],
  ...[
    'traceparent',
    'tracestate',
    'request-id',
    'request-context',
    'correlation-context',
    'baggage',
  ],
]);

/**
 * Runs the sweeps when the timer function of Azure Functions calls, in a process that its host has started.
 *
 * The catch-all function passes callers the whole path space, this path too. Their requests are not
 * recognised here and go on to the router, which has no such route.
 */
export class TimerCalls {
  /** The sweeps have no schedule from now on. */
  constructor(
    private readonly sweeps: Sweeps,
    private readonly logger: Logger,
  ) {
    sweeps.leaveToCaller();
  }

  /** @returns whether the request is a call of the timer, which then gets its answer here */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (!isTimerCall(request)) return false;
    request.resume();
    void this.#run(response);
    return true;
  }

  async #run(response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const deadline = AbortSignal.timeout(MAX_RUN_MS);
    const unfinished = await this.sweeps.runAll(deadline);
    const durationMs = Math.round(performance.now() - startedAt);
    this.logger.info({ unfinished, durationMs }, 'sweeps ended');
    // What a deadline left is for the next call; a failure makes the host count a failed call.
    const status = unfinished.length === 0 || deadline.aborted ? 200 : 503;
    const log = unfinished.length === 0 ? 'complete' : `not complete: ${unfinished.join(', ')}`;
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify({ Outputs: {}, Logs: [`sweeps ${log}`], ReturnValue: null }));
  }
}

function isTimerCall({ method, url, headers, rawHeaders, socket }: IncomingMessage): boolean {
  const names = rawHeaders.filter((_text, n) => n % 2 === 0);
  return (
    method === 'POST' &&
    url === TIMER_PATH &&
    socket.remoteAddress === '127.0.0.1' &&
    names.every((name) => HOST_HEADERS.has(name.toLowerCase())) &&
    /^Azure-Functions-Host\/[\w.+-]+$/.test(headers['user-agent'] ?? '') &&
    /^[0-9a-f-]{36}$/i.test(String(headers['x-azure-functions-invocationid']))
  );
}
