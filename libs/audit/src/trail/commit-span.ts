import { SpanKind, type SpanOptions } from '@opentelemetry/api';

/** The commit of entries to the log, by the semantic conventions of OpenTelemetry. */
export const COMMIT_SPAN: readonly [name: string, options: SpanOptions] = [
  'COPY audit_entry',
  {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': 'COPY',
      'db.collection.name': 'audit_entry',
      'db.query.summary': 'COPY audit_entry',
    },
  },
];
