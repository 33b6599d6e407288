import { createHmac } from 'node:crypto';
import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import type { Clock } from '#libs/platform';
import type { Credential } from '../config/credential.js';
import type { WebhookSinkOptions } from '../config/sink-options.js';
import {
  Sink,
  type SinkBatch,
  SinkFailure,
  type SinkLimits,
  type SinkRecord,
} from '../delivery/sink.js';
import { HttpReceiver, isSuccess } from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/**
 * Posts batches of CloudEvents 1.0 in the JSON batch format, signed as Standard Webhooks say with HMAC-SHA256
 * (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The receiver confirms with a status 2xx.
 */
export class WebhookSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  readonly #receiver: HttpReceiver;
  readonly #query: Credential | undefined;
  readonly #secrets: readonly Credential[];
  readonly #clock: Clock;
  readonly #source: string;

  constructor(
    private readonly options: WebhookSinkOptions,
    context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, query, signingSecrets } = options;
    this.address = options.url;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: 1_000_000 };
    this.#receiver = new HttpReceiver(context);
    this.#query = query && context.credential(query);
    this.#secrets = signingSecrets.map((reference) => context.credential(reference));
    this.#clock = context.clock;
    this.#source = encodeURI(context.origin);
  }

  /** A CloudEvent. `sequence` is the extension of that name: its texts sort as the log does. */
  format(record: AuditEntryRecord): string {
    const { index, entry } = record;
    const attributes = {
      specversion: '1.0',
      id: entry.id,
      source: this.#source,
      type: `acs-identity.audit.${entry.action}`,
      time: entry.recordedAt,
      sequence: String(Math.max(0, index)).padStart(16, '0'),
      datacontenttype: 'application/json',
    };
    return `${JSON.stringify(attributes).slice(0, -1)},"data":${EXPORT_FORMATS.ndjson.line(record)}}`;
  }

  async send({ records }: SinkBatch, signal: AbortSignal): Promise<void> {
    const body = `[${records.map(({ text }) => text).join(',')}]`;
    const headers = await this.#headers(messageIdOf(records), body);
    const url = await this.#url();
    const answer = await this.#receiver.request({ method: 'POST', url, headers, body }, signal);
    if (isSuccess(answer)) return;
    if (answer.status === 401 || answer.status === 403) {
      await this.#query?.renew();
      for (const secret of this.#secrets) await secret.renew();
    }
    throw this.#receiver.failureOf(answer);
  }

  async #url(): Promise<string> {
    const url = new URL(this.options.url);
    url.search = (await this.#query?.value()) ?? '';
    return url.href;
  }

  async examine(): Promise<void> {
    await Promise.all([this.#keys(), this.#query?.value()]);
  }

  async #keys(): Promise<Buffer[]> {
    return Promise.all(this.#secrets.map(async (secret) => keyOf(await secret.value())));
  }

  async #headers(id: string, body: string): Promise<Record<string, string>> {
    const timestamp = String(Math.floor(this.#clock.now() / 1_000));
    const keys = await this.#keys();
    const signatures = keys.map(
      (key) =>
        `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
    );
    return {
      'content-type': 'application/cloudevents-batch+json; charset=utf-8',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures.join(' '),
    };
  }
}

/** The same for the same entries, so that a receiver recognises a batch that it has already. */
function messageIdOf(records: readonly SinkRecord[]): string {
  return `${records[0]?.id ?? ''}-${records.at(-1)?.index ?? 0}`;
}

/** @throws SinkFailure unless it is base64 of 24 to 64 bytes, as Standard Webhooks demand */
function keyOf(secret: string): Buffer {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES) return key;
  throw new SinkFailure('refused', 'the signing secret is not base64 of 24 to 64 bytes');
}
