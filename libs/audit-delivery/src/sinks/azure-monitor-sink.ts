import type { LogsIngestionClient } from '@azure/monitor-ingestion';
import type { AuditEntryRecord } from '#libs/audit';
import { noAnswerFrom } from '#libs/platform';
import { AzureFault, AzureHttpClient, OWN_PROXY_RULES } from '#libs/secrets';
import type { AzureMonitorSinkOptions } from '../config/sink-options.js';
import { Sink, type SinkBatch, SinkFailure, type SinkLimits } from '../delivery/sink.js';
import { azureMonitorRow } from './azure-monitor-row.js';
import { kindOf } from './http-receiver.js';
import type { SinkContext } from './sink-context.js';

/** The SDK splits what is longer into several requests, of which some may fail. */
const MAX_REQUEST_BYTES = 900_000;

/**
 * Uploads rows with the Logs Ingestion API, as the Azure identity of the process. The API has no id for
 * duplicates: queries take the first row of an `EntryId`.
 */
export class AzureMonitorSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  #client: Promise<LogsIngestionClient> | undefined;

  constructor(
    private readonly options: AzureMonitorSinkOptions,
    private readonly context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, endpoint, ruleId } = options;
    this.address = `${endpoint} ${ruleId}`;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: MAX_REQUEST_BYTES };
  }

  format(record: AuditEntryRecord): string {
    return JSON.stringify(azureMonitorRow(record, this.context.origin));
  }

  async send({ records }: SinkBatch, signal: AbortSignal): Promise<void> {
    const { ruleId, stream } = this.options;
    const client = await (this.#client ??= this.#load());
    const rows = records.map(({ text }) => JSON.parse(text) as Record<string, unknown>); // of `format`
    try {
      await client.upload(ruleId, stream, rows, { maxConcurrency: 1, abortSignal: signal });
    } catch (error) {
      throw failureOf(error, new URL(this.options.endpoint).host, signal);
    }
  }

  async examine(signal: AbortSignal): Promise<void> {
    try {
      await this.context.azure.getToken(`${this.options.audience}/.default`);
    } catch (error) {
      throw failureOf(error, new URL(this.options.endpoint).host, signal);
    }
  }

  /** Loads the SDK on first use, because it takes long to load. */
  async #load(): Promise<LogsIngestionClient> {
    const { LogsIngestionClient: Client } = await import('@azure/monitor-ingestion');
    const { outbound, azure, timeoutMs } = this.context;
    const { endpoint, audience } = this.options;
    return new Client(endpoint, azure, {
      ...OWN_PROXY_RULES,
      audience,
      httpClient: new AzureHttpClient(outbound, timeoutMs),
      // Repeats are ours, with entries that are read anew.
      retryOptions: { maxRetries: 0 },
    });
  }
}

/** The SDK's error holds the rows, so that it is no cause. */
function failureOf(error: unknown, host: string, signal: AbortSignal): SinkFailure {
  const first: unknown =
    error instanceof Error && 'errors' in error && Array.isArray(error.errors)
      ? (error.errors[0] as { readonly cause?: unknown }).cause // of AggregateLogsUploadError
      : error;
  const { status, message, retryAfterSeconds } = new AzureFault(first, host);
  if (status === undefined) {
    const isSignIn = first instanceof Error && /Authentication|Credential/.test(first.name);
    if (isSignIn) return new SinkFailure('refused', message);
    return new SinkFailure(
      'unavailable',
      signal.aborted ? noAnswerFrom(host, first, true) : message,
    );
  }
  return new SinkFailure(kindOf(status), message, {
    retryAfterMs: retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1_000,
  });
}
