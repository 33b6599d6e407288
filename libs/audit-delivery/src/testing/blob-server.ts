import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  HttpTestReceiver,
  type ReceivedRequest,
  type ReceiverAnswer,
} from './http-test-receiver.js';

interface BlobServer {
  readonly receiver: HttpTestReceiver;
  /** Contents by path. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** How often something may be appended to one blob; Azure allows 50,000. */
  setBlockLimit(limit: number): void;
  /** Under a retention policy: blobs can be appended to, not replaced. */
  protect(): void;
}

const DEFAULT_BLOCK_LIMIT = 50_000;

/** The operations of Azure Blob Storage that the sink uses, with their conditions and error codes. */
export async function blobServer(
  isAllowed: (headers: IncomingMessage['headers']) => boolean,
): Promise<BlobServer> {
  const blobs = new Map<string, Buffer>();
  const blocks = new Map<string, number>();
  const etags = new Map<string, string>();
  let blockLimit = DEFAULT_BLOCK_LIMIT;
  let isProtected = false;
  const failed = (status: number, code: string): ReceiverAnswer => ({
    status,
    headers: { 'x-ms-error-code': code },
  });

  function put({ headers, body }: ReceivedRequest, name: string): ReceiverAnswer {
    if (headers['if-none-match'] === '*' && blobs.has(name))
      return failed(409, 'BlobAlreadyExists');
    const ifMatch = headers['if-match'];
    if (ifMatch !== undefined && ifMatch !== etags.get(name)) return failed(412, 'ConditionNotMet');
    if (isProtected && blobs.has(name)) return failed(409, 'BlobImmutableDueToPolicy');
    const type = headers['x-ms-blob-type'];
    if (type === 'AppendBlob' && body.length > 0) return failed(400, 'InvalidHeaderValue');
    if (type !== 'AppendBlob' && type !== 'BlockBlob') return failed(400, 'MissingRequiredHeader');
    blobs.set(name, body);
    blocks.set(name, 0);
    const etag = `"${randomUUID()}"`;
    etags.set(name, etag);
    return { status: 201, headers: { etag } };
  }

  function append({ headers, body }: ReceivedRequest, name: string): ReceiverAnswer {
    const before = blobs.get(name);
    if (!before) return failed(404, 'BlobNotFound');
    const position = headers['x-ms-blob-condition-appendpos'];
    if (position !== undefined && Number(position) !== before.length)
      return failed(412, 'AppendPositionConditionNotMet');
    const count = blocks.get(name) ?? 0;
    if (count >= blockLimit) return failed(409, 'BlockCountExceedsLimit');
    blobs.set(name, Buffer.concat([before, body]));
    blocks.set(name, count + 1);
    return { status: 201 };
  }

  function get({ headers, method }: ReceivedRequest, name: string): ReceiverAnswer {
    const blob = blobs.get(name);
    if (!blob) return failed(404, 'BlobNotFound');
    if (method === 'HEAD')
      return { status: 200, headers: { 'content-length': String(blob.length) } };
    const range = /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-ms-range'] ?? ''));
    const etag = etags.get(name) ?? '';
    if (!range) return { status: 200, body: blob.toString(), headers: { etag } };
    return { status: 206, body: blob.subarray(Number(range[1]), Number(range[2]) + 1).toString() };
  }

  function answer(request: ReceivedRequest): ReceiverAnswer {
    const { pathname, searchParams } = new URL(request.path, 'http://storage');
    if (!isAllowed(request.headers)) return failed(403, 'AuthorizationFailure');
    if (request.headers['x-ms-version'] === undefined) return failed(400, 'MissingRequiredHeader');
    if (request.method !== 'PUT') return get(request, pathname);
    return searchParams.get('comp') === 'appendblock'
      ? append(request, pathname)
      : put(request, pathname);
  }

  const receiver = await HttpTestReceiver.start((request) => {
    const { headers, ...rest } = answer(request);
    return { ...rest, headers: { ...headers, 'x-ms-request-id': randomUUID() } };
  });
  return {
    receiver,
    blobs,
    setBlockLimit: (limit) => {
      blockLimit = limit;
    },
    protect: () => {
      isProtected = true;
    },
  };
}
