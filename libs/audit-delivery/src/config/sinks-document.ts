import { z } from 'zod';
import {
  azureBlobSinkSchema,
  azureMonitorSinkSchema,
  elasticsearchSinkSchema,
  splunkSinkSchema,
  syslogSinkSchema,
  webhookSinkSchema,
} from './sink-options.js';

/** People write the file; a longer one is a mistake. */
export const MAX_SINKS_BYTES = 64 * 1024;

/** Each holds a batch in memory. */
const MAX_SINKS = 16;

const sink = z.discriminatedUnion('type', [
  azureBlobSinkSchema,
  azureMonitorSinkSchema,
  elasticsearchSinkSchema,
  splunkSinkSchema,
  syslogSinkSchema,
  webhookSinkSchema,
]);

/** The file of the sinks. */
export const sinksDocument = z.strictObject({
  version: z.literal(1),
  sinks: z
    .array(sink)
    .min(1, 'must hold at least one sink')
    .max(MAX_SINKS, `must hold at most ${MAX_SINKS} sinks`)
    .superRefine((sinks, context) => {
      const names = sinks.map(({ name }) => name);
      for (const [nth, name] of names.entries()) {
        if (names.indexOf(name) === nth) continue;
        const message = 'must not be the name of an earlier sink';
        context.addIssue({ code: 'custom', path: [nth, 'name'], message });
      }
    }),
});

export type SinkOptions = z.output<typeof sinksDocument>['sinks'][number];

/** The address of the receiver, if it is one of HTTP. */
export function receiverAddress(sink: SinkOptions): string | undefined {
  if (sink.type === 'syslog') return undefined;
  if (sink.type === 'azure-blob') return sink.container;
  return sink.type === 'azure-monitor' ? sink.endpoint : sink.url;
}
