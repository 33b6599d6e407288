import { z } from 'zod';
import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import type { Credential } from '../config/credential.js';
import type { ElasticsearchSinkOptions } from '../config/sink-options.js';
import { Sink, type SinkBatch, SinkFailure, type SinkLimits } from '../delivery/sink.js';
import {
  foreignAnswer,
  type HttpAnswer,
  HttpReceiver,
  isSuccess,
  kindOf,
} from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

const bulkAnswer = z.object({
  errors: z.boolean(),
  items: z
    .array(
      z.object({
        create: z.object({
          status: z.int(),
          error: z.object({ type: z.string().optional() }).optional(),
        }),
      }),
    )
    .optional(),
});

const CONFLICT = 409;

/**
 * Writes documents of the Elastic Common Schema with the bulk API of Elasticsearch or OpenSearch. The id of a
 * document is the id of its entry and it is only created, so that a repeated entry is not stored twice.
 */
export class ElasticsearchSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  readonly #receiver: HttpReceiver;
  readonly #apiKey: Credential | undefined;
  readonly #password: Credential | undefined;
  readonly #url: string;

  constructor(
    private readonly options: ElasticsearchSinkOptions,
    context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, apiKey, password, url, index } = options;
    const bulk = new URL(url);
    bulk.pathname = `${bulk.pathname.replace(/\/$/, '')}/${index}/_bulk`;
    // Of the answer only what is read: it has an object for each document.
    bulk.searchParams.set('filter_path', 'errors,items.create.status,items.create.error.type');
    this.#url = bulk.href;
    this.address = `${url} ${index}`;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: 4_000_000 };
    this.#receiver = new HttpReceiver(context);
    this.#apiKey = apiKey && context.credential(apiKey);
    this.#password = password && context.credential(password);
  }

  /** The two lines of a creation. */
  format(record: AuditEntryRecord): string {
    const action = JSON.stringify({ create: { _id: record.entry.id } });
    return `${action}\n${EXPORT_FORMATS.ecs.line(record)}`;
  }

  async send({ records }: SinkBatch, signal: AbortSignal): Promise<void> {
    const answer = await this.#receiver.request(
      {
        method: 'POST',
        url: this.#url,
        headers: { 'content-type': 'application/x-ndjson', ...(await this.#authorization()) },
        body: `${records.map(({ text }) => text).join('\n')}\n`,
      },
      signal,
    );
    if (!isSuccess(answer)) {
      if (answer.status === 401 || answer.status === 403) await this.#renew();
      throw this.#receiver.failureOf(answer);
    }
    assertCreated(answer, records.length);
  }

  async examine(): Promise<void> {
    await this.#authorization();
  }

  async #authorization(): Promise<Record<string, string>> {
    if (this.#apiKey) return { authorization: `ApiKey ${await this.#apiKey.headerValue()}` };
    if (!this.#password) return {};
    const pair = `${this.options.user ?? ''}:${await this.#password.value()}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  }

  async #renew(): Promise<void> {
    await this.#apiKey?.renew();
    await this.#password?.renew();
  }
}

/** Documents before the first that was not stored are confirmed; one that was there before counts as stored. */
function assertCreated(response: HttpAnswer, count: number): void {
  const { host } = response;
  const answer = bulkAnswer.safeParse(jsonOf(response.text)).data;
  if (!answer) throw foreignAnswer(response, 'the bulk API');
  const items = answer.items ?? [];
  if (items.length !== count)
    throw new SinkFailure('unavailable', `${host} answered for another number of documents`);
  if (!answer.errors) return;
  const confirmedCount = items.findIndex(
    ({ create: { status } }) => status >= 300 && status !== CONFLICT,
  );
  const failed = items[confirmedCount]?.create;
  if (!failed) return;
  const type = failed.error?.type?.replaceAll(/[^\w.-]/g, '').slice(0, 64) ?? '';
  const kind = kindOf(failed.status);
  throw new SinkFailure(kind, `${host} did not store a document: ${failed.status} ${type}`, {
    confirmedCount,
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
