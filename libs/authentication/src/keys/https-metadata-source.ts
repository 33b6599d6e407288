import { type Dispatcher, request } from 'undici';
import { noAnswerFrom, parseStrictJson } from '#libs/platform';
import { MetadataSource } from './metadata-source.js';

/** Ten times the size of the largest document of a known provider. */
const MAX_DOCUMENT_BYTES = 262_144;

/** Loads documents over https. Does not follow redirects. */
export class HttpsMetadataSource extends MetadataSource {
  constructor(private readonly dispatcher: Dispatcher) {
    super();
  }

  override async load(url: string, signal: AbortSignal): Promise<unknown> {
    if (!url.startsWith('https://')) throw new Error('not an https address');
    const { host } = new URL(url);
    const { statusCode, body } = await request(url, {
      dispatcher: this.dispatcher,
      signal,
      headers: { accept: 'application/json' },
    }).catch((cause: unknown) => {
      throw new Error(noAnswerFrom(host, cause, signal.aborted), { cause });
    });
    // A truncated body emits `error`. Without a listener that would end the process.
    body.on('error', () => undefined);
    if (statusCode !== 200) {
      body.destroy();
      throw new Error(`${host} answered ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      // Leaving the loop destroys the body and its connection.
      if (sizeBytes > MAX_DOCUMENT_BYTES) throw new Error('document too large');
      chunks.push(chunk);
    }
    return parseStrictJson(Buffer.concat(chunks));
  }
}
