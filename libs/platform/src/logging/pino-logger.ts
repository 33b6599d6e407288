import { type DestinationStream, type Logger as Pino, pino, stdTimeFunctions } from 'pino';
import { Logger } from './logger.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON Web Tokens, access keys, authorization headers and database passwords. */
const SECRETS =
  /eyJ[\w-]{8,}\.[\w-]*(\.[\w-]*)*|(accesskey=)[^\s";]+|(Bearer |HMAC-SHA256 )[^\s"\\]+|(postgres(?:ql)?:\/\/[^:/@\s"]+:)[^@\s"]+(?=@)/gi;

/**
 * Writes one JSON object per line to standard output. Values that look like secrets are masked in the
 * finished line, as a second protection after fields without secrets.
 */
export class PinoLogger extends Logger {
  readonly #pino: Pino;

  constructor(level: LogLevel, destination?: DestinationStream) {
    super();
    this.#pino = pino(
      {
        level,
        base: null,
        messageKey: 'message',
        errorKey: 'error',
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: masked },
      },
      destination ?? pino.destination({ sync: true }),
    );
  }

  debug(fields: object, message: string): void {
    this.#pino.debug(fields, message);
  }
  info(fields: object, message: string): void {
    this.#pino.info(fields, message);
  }
  warn(fields: object, message: string): void {
    this.#pino.warn(fields, message);
  }
  error(fields: object, message: string): void {
    this.#pino.error(fields, message);
  }
}

function masked(line: string): string {
  return line.replace(
    SECRETS,
    (_match, _part: unknown, key?: string, scheme?: string, user?: string) =>
      `${key ?? scheme ?? user ?? ''}[masked]`,
  );
}
