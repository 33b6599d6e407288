/** How a metric of the registry is called in OpenTelemetry. */
export interface MetricConvention {
  readonly name: string;
  /** UCUM. */
  readonly unit: string;
  /** Attributes by the labels that have another name. */
  readonly labels: Readonly<Record<string, string>>;
}

type Known = Pick<MetricConvention, 'name' | 'unit'> & Partial<MetricConvention>;

/** Semantic conventions of OpenTelemetry, 1.4x. Buckets are those of the registry. */
const KNOWN: Readonly<Record<string, Known>> = {
  http_request_duration_seconds: {
    name: 'http.server.request.duration',
    unit: 's',
    labels: {
      method: 'http.request.method',
      route: 'http.route',
      status: 'http.response.status_code',
    },
  },
  http_client_request_duration_seconds: {
    name: 'http.client.request.duration',
    unit: 's',
    labels: {
      method: 'http.request.method',
      address: 'server.address',
      port: 'server.port',
      status: 'http.response.status_code',
      error: 'error.type',
    },
  },
  db_client_operation_duration_seconds: {
    name: 'db.client.operation.duration',
    unit: 's',
    labels: {
      system: 'db.system.name',
      operation: 'db.operation.name',
      collection: 'db.collection.name',
      summary: 'db.query.summary',
      status: 'db.response.status_code',
      error: 'error.type',
    },
  },
  database_connections: pool('db.client.connection.count', '{connection}'),
  database_connections_max: pool('db.client.connection.max', '{connection}'),
  database_connection_requests: pool('db.client.connection.pending_requests', '{request}'),
  process_cpu_seconds_total: { name: 'process.cpu.time', unit: 's' },
  process_resident_memory_bytes: { name: 'process.memory.usage', unit: 'By' },
  process_virtual_memory_bytes: { name: 'process.memory.virtual', unit: 'By' },
  process_open_fds: { name: 'process.unix.file_descriptor.count', unit: '{file_descriptor}' },
  nodejs_eventloop_lag_min_seconds: { name: 'nodejs.eventloop.delay.min', unit: 's' },
  nodejs_eventloop_lag_max_seconds: { name: 'nodejs.eventloop.delay.max', unit: 's' },
  nodejs_eventloop_lag_mean_seconds: { name: 'nodejs.eventloop.delay.mean', unit: 's' },
  nodejs_eventloop_lag_stddev_seconds: { name: 'nodejs.eventloop.delay.stddev', unit: 's' },
  nodejs_eventloop_lag_p50_seconds: { name: 'nodejs.eventloop.delay.p50', unit: 's' },
  nodejs_eventloop_lag_p90_seconds: { name: 'nodejs.eventloop.delay.p90', unit: 's' },
  nodejs_eventloop_lag_p99_seconds: { name: 'nodejs.eventloop.delay.p99', unit: 's' },
  nodejs_gc_duration_seconds: {
    name: 'v8js.gc.duration',
    unit: 's',
    labels: { kind: 'v8js.gc.type' },
  },
  nodejs_heap_space_size_total_bytes: heapSpace('v8js.memory.heap.limit'),
  nodejs_heap_space_size_used_bytes: heapSpace('v8js.memory.heap.used'),
  nodejs_heap_space_size_available_bytes: heapSpace('v8js.memory.heap.space.available_size'),
};

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/_seconds(_total)?$/, 's'],
  [/_bytes(_total)?$/, 'By'],
  [/_days$/, 'd'],
];

/** Of a metric without a convention: its name for Prometheus, so that queries and pages are the same. */
export function conventionOf(name: string): MetricConvention {
  const known = KNOWN[name];
  if (known) return { labels: {}, ...known };
  const [, unit = '1'] = UNITS.find(([suffix]) => suffix.test(name)) ?? [];
  return { name, unit, labels: {} };
}

function pool(name: string, unit: string): Known {
  const labels = { pool: 'db.client.connection.pool.name', state: 'db.client.connection.state' };
  return { name, unit, labels };
}

function heapSpace(name: string): Known {
  return { name, unit: 'By', labels: { space: 'v8js.heap.space.name' } };
}
