import { setTimeout as delay } from 'node:timers/promises';
import { type DestinationStream, type Logger as Pino, pino, stdTimeFunctions } from 'pino';
import { boundedFields, boundedText } from './bounded-fields.js';
import { LineLimiter, type LineLimits } from './line-limiter.js';
import { currentTraceId } from '../telemetry/traceparent.js';
import { Logger } from './logger.js';

/** Warnings, errors and details of one kind that a flood may write. `info` has lines for each request. */
const REPEATS = { windowMs: 10_000, maxLinesPerKind: 20, maxLines: 200, maxKinds: 100 };
/** Lines for diagnosis, which only an operator's setting turns on. */
const DETAILS = { windowMs: 10_000, maxLinesPerKind: 500, maxLines: 2_000, maxKinds: 100 };

/** Lines that standard output has not taken yet. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** How long the reader of standard output may take for the last lines. */
const END_MS = 1_000;
const LINES_LEFT_OUT = 'lines left out';

type Severity = 'debug' | 'info' | 'warn' | 'error';

/** Lines that repeat each other. */
type LineKind = Readonly<Record<string, string | number>> & { readonly level: Severity };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON Web Tokens, access keys, authorization headers and database passwords. */
const SECRETS =
  /eyJ[\w-]{8,}\.[\w-]*(\.[\w-]*)*|(accesskey=)[^\s";]+|(Bearer |HMAC-SHA256 )[^\s"\\]+|(postgres(?:ql)?:\/\/[^:/@\s"]+:)[^@\s"]+(?=@)/gi;

/** As sign-in names are; PostgreSQL and Azure have them in messages. */
const EMAIL = /[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g;

/**
 * Writes one JSON object per line to standard output. Values that look like secrets or e-mail addresses are
 * masked in the finished line, as a second protection after fields without such values.
 *
 * The size of a line is bounded, and so is the number of lines of a kind per time: beyond it they are
 * counted, and one line has their number. `flush` at the end of the process writes open counts.
 *
 * A slow or stopped reader of standard output delays no request: lines wait in memory up to a limit, and
 * are counted beyond it.
 */
export class PinoLogger extends Logger {
  readonly #pino: Pino;
  #output: ReturnType<typeof pino.destination> | undefined;
  #ended: Promise<void> | undefined;
  readonly #repeats = this.#limiter(REPEATS);
  readonly #details = this.#limiter(DETAILS);

  constructor(level: LogLevel, destination?: DestinationStream) {
    super();
    this.#pino = pino(
      {
        level,
        base: null,
        messageKey: 'message',
        errorKey: 'error',
        timestamp: stdTimeFunctions.isoTime,
        serializers: { error: (bounded: unknown) => bounded },
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: masked },
      },
      destination ?? this.#standardOutput(),
    );
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message, this.#details);
  }
  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#write('warn', fields, message, this.#repeats);
  }
  error(fields: object, message: string): void {
    this.#write('error', fields, message, this.#repeats);
  }

  /** Writes the numbers of lines that were left out so far. */
  flush(): void {
    this.#repeats.flush();
    this.#details.flush();
  }

  /** Lines that nobody reads within a second are lost: they would keep the process from exiting. */
  override async end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.flush();
    const output = this.#output;
    if (output === undefined) return;
    const written = new Promise<void>((resolve) => {
      output.once('close', resolve);
    });
    output.end();
    await Promise.race([written, delay(END_MS)]);
    output.destroy();
  }

  #write(level: Severity, fields: object, message: string, limiter?: LineLimiter<LineKind>): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    if (limiter?.admits(kindOf(level, fields, message)) === false) return;
    const bounded = boundedFields(fields, masked);
    const traceId = currentTraceId();
    this.#pino[level](
      traceId === undefined ? bounded : { traceId, ...bounded },
      boundedText(message, masked),
    );
  }

  /** Written without blocking the event loop. */
  #standardOutput(): DestinationStream {
    let lost = 0;
    this.#output = pino.destination({ sync: false, maxLength: MAX_WAITING_BYTES });
    return this.#output
      .on('drop', () => (lost += 1))
      .on('drain', () => {
        const count = lost;
        lost = 0;
        if (count > 0)
          this.#pino.warn({ count, of: 'standard output was not read' }, LINES_LEFT_OUT);
      });
  }

  #limiter(limits: LineLimits): LineLimiter<LineKind> {
    const others: LineKind = { level: 'warn', of: 'several kinds' };
    return new LineLimiter<LineKind>(limits, others, ({ kind: { level, ...kind }, ...counted }) => {
      this.#pino[level](boundedFields({ ...kind, ...counted }, masked), LINES_LEFT_OUT);
    });
  }
}

/** Members whose values are constants of the code, or few; what a caller sends is in none of them. */
const KIND_MEMBERS = ['name', 'code', 'problem', 'route', 'part', 'status'] as const;

function kindOf(level: Severity, fields: object, of: string): LineKind {
  const kind: Record<string, string | number> = {};
  for (const name of KIND_MEMBERS) {
    const value: unknown = name in fields ? fields[name as keyof typeof fields] : undefined;
    if (typeof value === 'number') kind[name] = value;
    if (typeof value === 'string') kind[name] = value.slice(0, 100);
  }
  for (const value of Object.values(fields) as unknown[])
    if (value instanceof Error) kind.error = value.name.slice(0, 100);
  return { ...kind, of: of.slice(0, 100), level };
}

function masked(line: string): string {
  const secretless = line.replace(
    SECRETS,
    (_match, _part: unknown, key?: string, scheme?: string, user?: string) =>
      `${key ?? scheme ?? user ?? ''}[masked]`,
  );
  return secretless.includes('@') ? secretless.replace(EMAIL, '[masked]') : secretless;
}
