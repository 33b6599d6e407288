import { Logger } from '#libs/platform';

/** Time after the deadline of the requests in which background work ends and connections close. */
const CLOSE_TIMEOUT_MS = 10_000;
/** A second signal within this time is the same stop, sent to a process group and by a supervisor. */
const SAME_STOP_MS = 1_000;

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What a signal stops. */
export interface Stoppable {
  readonly logger: Logger;
  /** Longest time for the requests to end. */
  readonly requestsTimeoutMs: number;
  /** @returns whether everything that had begun was completed */
  stop(): Promise<boolean>;
}

/**
 * Ends the process in order on SIGTERM, SIGINT, SIGHUP, or when the supervisor that holds its IPC channel
 * dies: with 0 when all requests were answered, with 1 otherwise or on a second signal.
 *
 * @returns a function that removes the listeners, unless they are stopping the process
 */
export function stopOnSignals(target: Stoppable): () => void {
  let firstAt: number | undefined;
  const { logger } = target;
  const exit = (code: number): void => {
    void logger.end().then(() => process.exit(code));
  };
  const stop = (cause: string): void => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt < SAME_STOP_MS) return;
      logger.error({ cause }, 'stopped again during the shutdown: ending at once');
      exit(1);
      return;
    }
    firstAt = performance.now();
    logger.info({ cause }, 'stop requested');
    setTimeout(() => {
      logger.error({}, 'the shutdown did not end in time');
      exit(1);
    }, target.requestsTimeoutMs + CLOSE_TIMEOUT_MS).unref();
    target.stop().then(
      (isComplete) => {
        exit(isComplete ? 0 : 1);
      },
      (error: unknown) => {
        logger.error({ error }, 'the shutdown failed');
        exit(1);
      },
    );
  };
  const onDisconnect = (): void => {
    stop('supervisor ended');
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  // Without a channel there is no supervisor.
  if (process.channel) process.on('disconnect', onDisconnect);
  return () => {
    if (firstAt !== undefined) return;
    for (const signal of SIGNALS) process.off(signal, stop);
    process.off('disconnect', onDisconnect);
  };
}
