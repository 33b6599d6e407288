import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import type { Clock } from '#libs/platform';
import type { Credential } from '../config/credential.js';
import type { SplunkSinkOptions } from '../config/sink-options.js';
import {
  Sink,
  type SinkBatch,
  SinkFailure,
  type SinkLimits,
  type SinkRecord,
} from '../delivery/sink.js';
import { foreignAnswer, type HttpAnswer, HttpReceiver, isSuccess } from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

/** Of an answer that confirms. A busy collector, and something in its place, may answer with status 200 too. */
const SUCCESS = 0;
/** Between two questions whether the indexers have stored a batch. */
const ACKNOWLEDGEMENT_POLL_MS = 500;

const answerSchema = z.object({ code: z.int(), ackId: z.int().optional() });
const acknowledgementSchema = z.object({ acks: z.record(z.string(), z.boolean()) });

/** What the collector has taken and the indexers have not acknowledged. */
interface Unacknowledged {
  readonly ackId: number;
  readonly ids: readonly string[];
}

/**
 * Posts events to Splunk's HTTP Event Collector. With a token that has indexer acknowledgement, a batch is
 * confirmed when the indexers have stored it, else when the collector has taken it. The attempt after one
 * without acknowledgement waits for it once more, before another one sends the batch anew.
 */
export class SplunkSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  readonly #receiver: HttpReceiver;
  readonly #token: Credential;
  readonly #clock: Clock;
  /** Acknowledgements are counted for each channel. */
  readonly #channel = randomUUID();
  #unacknowledged: Unacknowledged | undefined;

  constructor(
    private readonly options: SplunkSinkOptions,
    private readonly context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, token } = options;
    this.address = options.url;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: 900_000 };
    this.#receiver = new HttpReceiver(context);
    this.#token = context.credential(token);
    this.#clock = context.clock;
  }

  format(record: AuditEntryRecord): string {
    const { format, index, sourcetype } = this.options;
    const event = EXPORT_FORMATS[format].line(record);
    const metadata = {
      time: Date.parse(record.entry.recordedAt) / 1_000,
      source: this.context.origin,
      sourcetype,
      index,
      // Indexed, so that duplicates are found without reading the events.
      fields: { entry_id: record.entry.id, entry_index: record.index },
    };
    return `${JSON.stringify(metadata).slice(0, -1)},"event":${event}}`;
  }

  async send({ records }: SinkBatch, signal: AbortSignal): Promise<void> {
    const earlier = this.#unacknowledged;
    this.#unacknowledged = undefined;
    if (!earlier?.ids.every((id, nth) => records[nth]?.id === id)) {
      await this.#deliver(records, signal);
      return;
    }
    await this.#acknowledged(earlier.ackId, signal);
    const rest = records.slice(earlier.ids.length);
    try {
      if (rest.length > 0) await this.#deliver(rest, signal);
    } catch (error) {
      if (!(error instanceof SinkFailure)) throw error;
      const { kind, message, retryAfterMs } = error;
      const confirmedCount = earlier.ids.length;
      throw new SinkFailure(kind, message, { cause: error, retryAfterMs, confirmedCount });
    }
  }

  async #deliver(records: readonly SinkRecord[], signal: AbortSignal): Promise<void> {
    const body = records.map(({ text }) => text).join('\n');
    const answer = await this.#post('event', body, signal);
    const { code, ackId } = parsed(answerSchema, answer) ?? {};
    if (answer.status === 401 || answer.status === 403) await this.#token.renew();
    if (isSuccess(answer) && code === undefined) throw foreignAnswer(answer, 'the collector');
    if (!isSuccess(answer) || code !== SUCCESS) throw this.#receiver.failureOf(answer, code);
    if (ackId === undefined) return;
    this.#unacknowledged = { ackId, ids: records.map(({ id }) => id) };
    await this.#acknowledged(ackId, signal);
    this.#unacknowledged = undefined;
  }

  async examine(): Promise<void> {
    await this.#token.headerValue();
  }

  async #acknowledged(ackId: number, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ acks: [ackId] });
    for (;;) {
      const answer = await this.#post('ack', body, signal);
      if (!isSuccess(answer)) throw this.#receiver.failureOf(answer);
      if (parsed(acknowledgementSchema, answer)?.acks[String(ackId)] === true) return;
      await this.#clock.sleep(ACKNOWLEDGEMENT_POLL_MS, signal).catch(() => {
        // A wait that holds for all replicas: another one does not know the acknowledgement.
        const wait = { retryAfterMs: ACKNOWLEDGEMENT_POLL_MS };
        throw new SinkFailure('unavailable', 'the indexers did not acknowledge in time', wait);
      });
    }
  }

  async #post(path: 'event' | 'ack', body: string, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(this.options.url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/services/collector/${path}`;
    const headers = {
      authorization: `Splunk ${await this.#token.headerValue()}`,
      'content-type': 'application/json',
      'x-splunk-request-channel': this.#channel,
    };
    return this.#receiver.request({ method: 'POST', url: url.href, headers, body }, signal);
  }
}

function parsed<T>(schema: z.ZodType<T>, { text }: HttpAnswer): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
