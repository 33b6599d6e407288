import { once } from 'node:events';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import type { Credential } from '../config/credential.js';
import type { SyslogSinkOptions } from '../config/sink-options.js';
import { Sink, type SinkBatch, SinkFailure, type SinkLimits } from '../delivery/sink.js';
import { unanswered } from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

/** Severities of RFC 5424. */
const WARNING = 4;
const INFORMATIONAL = 6;
/** Between the last message and the close of a connection; longer if the receiver is far away. */
const MIN_PAUSE_MS = 50;
/** The enterprise number for examples: this service has no other. */
const STRUCTURED_DATA_ID = 'entry@32473';

/**
 * Sends messages of RFC 5424 over TLS, counted by octets (RFC 5425).
 *
 * The protocol has no confirmation of its own. Each batch has a connection, which this side closes; RFC 5425
 * (section 4.4) has the receiver answer that with a close of its own. It is taken as the confirmation: the
 * receiver has read everything before it.
 */
export class SyslogSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  readonly #certificate: Credential | undefined;
  readonly #key: Credential | undefined;
  readonly #hostname: string;

  constructor(
    private readonly options: SyslogSinkOptions,
    private readonly context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, host, port } = options;
    this.address = `${host}:${port}`;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: 1_000_000 };
    this.#certificate = options.clientCertificate && context.credential(options.clientCertificate);
    this.#key = options.clientKey && context.credential(options.clientKey);
    this.#hostname = options.hostname ?? hostname();
  }

  /** One message without its length. CEF and JSON are UTF-8 without a byte order mark, which parsers of both refuse. */
  format(record: AuditEntryRecord): string {
    const { index, entry } = record;
    const { facility, format } = this.options;
    const priority = facility * 8 + (entry.outcome === 'success' ? INFORMATIONAL : WARNING);
    const header = [
      `<${priority}>1`,
      entry.recordedAt,
      this.#hostname,
      'acs-identity',
      '-',
      entry.action.slice(0, 32),
      `[${STRUCTURED_DATA_ID} id="${entry.id}" index="${index}"]`,
    ];
    return `${header.join(' ')} ${EXPORT_FORMATS[format].line(record)}`;
  }

  async send({ records }: SinkBatch, signal: AbortSignal): Promise<void> {
    const frames = records.map(({ text }) => `${Buffer.byteLength(text)} ${text}`).join('');
    const startedAt = this.context.clock.monotonicNow();
    const socket = await this.#open(signal);
    const roundTripMs = this.context.clock.monotonicNow() - startedAt;
    try {
      const ended = once(socket, 'end', { signal }).then(() => true);
      ended.catch(() => undefined); // awaited below
      socket.resume();
      // Nothing may be on its way when this side closes: a close of the receiver that came before it had read
      // everything would look like an answer.
      const written = new Promise((resolve) => {
        socket.write(frames, resolve);
      })
        .then(async () => this.context.clock.sleep(Math.max(MIN_PAUSE_MS, roundTripMs), signal))
        // What has arrived is read first, in a whole turn of the event loop: after a time without CPU the
        // end of the pause and the receiver's close are there together.
        .then(async () => setImmediate())
        .then(async () => setImmediate());
      written.catch(() => undefined); // the signal's reason, which `ended` has as well
      if ((await Promise.race([ended, written])) === true)
        throw new SinkFailure(
          'unavailable',
          `${this.#server} closed the connection before it had read the batch`,
        );
      socket.end();
      await ended;
    } catch (error) {
      throw error instanceof SinkFailure ? error : unanswered(this.#server, error, signal);
    } finally {
      socket.destroy();
    }
  }

  get #server(): string {
    const { host, port } = this.options;
    return `${host}:${port}`;
  }

  async examine(signal: AbortSignal): Promise<void> {
    await this.send({ records: [], checkpoint: '' }, signal);
  }

  async #open(signal: AbortSignal): Promise<TLSSocket> {
    const { host, port } = this.options;
    const [cert, key] = await Promise.all([this.#certificate?.value(), this.#key?.value()]);
    const connection = await this.context.outbound
      .connect(host, port, signal)
      .catch((error: unknown) => {
        throw unanswered(this.#server, error, signal);
      });
    const socket = connectTls({
      socket: connection,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      ...(cert !== undefined && key !== undefined && { cert, key }),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
    });
    try {
      await once(socket, 'secureConnect', { signal });
      // Later errors reject what waits for the end.
      socket.on('error', () => undefined);
      return socket;
    } catch (error) {
      socket.destroy();
      connection.destroy();
      throw unanswered(this.#server, error, signal);
    }
  }
}
