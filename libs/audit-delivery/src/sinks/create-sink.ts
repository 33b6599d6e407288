import type { SinkOptions } from '../config/sinks-document.js';
import type { Sink } from '../delivery/sink.js';
import { AzureBlobSink } from './azure-blob-sink.js';
import { AzureMonitorSink } from './azure-monitor-sink.js';
import { ElasticsearchSink } from './elasticsearch-sink.js';
import type { SinkContext } from './sink-context.js';
import { SplunkSink } from './splunk-sink.js';
import { SyslogSink } from './syslog-sink.js';
import { WebhookSink } from './webhook-sink.js';

/** The adapter that the options of a sink select. */
export function createSink(options: SinkOptions, context: SinkContext): Sink {
  switch (options.type) {
    case 'azure-blob':
      return new AzureBlobSink(options, context);
    case 'azure-monitor':
      return new AzureMonitorSink(options, context);
    case 'elasticsearch':
      return new ElasticsearchSink(options, context);
    case 'splunk':
      return new SplunkSink(options, context);
    case 'syslog':
      return new SyslogSink(options, context);
    case 'webhook':
      return new WebhookSink(options, context);
  }
}
