import type { IncomingHttpHeaders } from 'node:http';
import { UnsupportedEncoding } from './request-errors.js';

/**
 * Checks that a body is sent as it is, in UTF-8: any other would be read as something else.
 *
 * @throws UnsupportedEncoding
 */
export function requirePlainBody(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': encodings = '', 'content-type': type = '' } = headers;
  const others = encodings.split(',').filter((one) => !/^\s*(identity)?\s*$/i.test(one));
  const charsets = [...type.matchAll(/;\s*charset\s*=\s*"?([^";\s]*)/gi)].map(([, name]) => name);
  if (others.length > 0 || charsets.some((name) => !/^utf-?8$/i.test(name ?? '')))
    throw new UnsupportedEncoding();
}
