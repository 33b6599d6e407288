import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';

/** A span as it arrived, with the attributes as one object. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2: server, 3: client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** 2: error. */
  readonly status: { readonly code: number };
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Traces {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: Attribute[] };
    readonly scopeSpans: { readonly spans: (ReceivedSpan & { attributes: Attribute[] })[] }[];
  }[];
}

interface Metrics {
  readonly resourceMetrics: {
    readonly scopeMetrics: { readonly metrics: ({ readonly name: string } & object)[] }[];
  }[];
}

/** A collector that takes OTLP over HTTP as JSON, and remembers everything. */
export class OtlpReceiver {
  /** The bodies, by path. */
  readonly bodies: { readonly path: string; readonly text: string }[] = [];
  /** The headers of the newest request. */
  headers: IncomingMessage['headers'] = {};
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.headers = request.headers;
      this.bodies.push({ path: request.url ?? '', text: Buffer.concat(chunks).toString('utf8') });
      if (this.kind === 'silent') return;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });

  private constructor(private readonly kind: 'prompt' | 'silent') {}

  /** @param kind a silent one takes requests and never answers */
  static async start(kind: 'prompt' | 'silent' = 'prompt'): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver(kind);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port is bound');
    return `http://127.0.0.1:${address.port}`;
  }

  get spans(): ReceivedSpan[] {
    return this.#bodiesOf<Traces>('/v1/traces').flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => ({ ...span, attributes: objectOf(span.attributes) })),
        ),
      ),
    );
  }

  /** Of the newest delivery. */
  get metrics(): ({ readonly name: string } & object)[] {
    const { resourceMetrics } = this.#bodiesOf<Metrics>('/v1/metrics').at(-1) ?? {
      resourceMetrics: [],
    };
    return resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics),
    );
  }

  /** Attributes of the process. */
  get resource(): Readonly<Record<string, unknown>> {
    const [traces] = this.#bodiesOf<Traces>('/v1/traces');
    return objectOf(traces?.resourceSpans[0]?.resource.attributes ?? []);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #bodiesOf<T>(wanted: string): T[] {
    return this.bodies
      .filter(({ path }) => path === wanted)
      .map(({ text }) => JSON.parse(text) as T);
  }
}

function objectOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

function plain(value: Readonly<Record<string, unknown>>): unknown {
  if ('arrayValue' in value) {
    const { values } = value.arrayValue as { readonly values: Record<string, unknown>[] };
    return values.map(plain);
  }
  return Object.values(value)[0];
}

/** The names of a trace's spans, indented below their parents, in the order in which they began. */
export function treeOf(spans: readonly ReceivedSpan[], parent?: string, depth = 0): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter(({ parentSpanId = '' }) =>
      parent === undefined ? !ids.has(parentSpanId) : parentSpanId === parent,
    )
    .toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .flatMap((span) => [
      `${'  '.repeat(depth)}${span.name}`,
      ...treeOf(spans, span.spanId, depth + 1),
    ]);
}
