import { Injectable } from '@nestjs/common';
import { request } from 'undici';
import { MetadataSource } from './metadata-source.js';

/** Ten times what the largest provider publishes. */
const LARGEST_DOCUMENT_BYTES = 262_144;

/** Loads documents over https. Follows no redirect: an issuer's keys come from where it says. */
@Injectable()
export class HttpsMetadataSource extends MetadataSource {
  override async load(url: string, signal: AbortSignal): Promise<unknown> {
    if (!url.startsWith('https://')) throw new Error('not an https address');
    const { statusCode, body } = await request(url, {
      signal,
      headers: { accept: 'application/json' },
    });
    // A body that is cut off reports it as an event of its own; unheard, that would end the process.
    body.on('error', () => undefined);
    if (statusCode !== 200) {
      body.destroy();
      throw new Error(`answered ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (sizeBytes > LARGEST_DOCUMENT_BYTES) throw new Error('document too large');
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  }
}
