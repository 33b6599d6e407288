import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { refuseNamedPipe } from '../files/named-pipe.js';
import { errorCode } from '../errors/error-code.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A file gives no certificate authorities. The message says why, and goes into logs. */
export class UnusableAuthorities extends Error {}

/** @returns the content, or why it can't be read */
export async function readAuthoritiesFile(path: string): Promise<string | UnusableAuthorities> {
  try {
    refuseNamedPipe(path);
    return await readFile(path, 'utf8');
  } catch (error) {
    return unreadable(error);
  }
}

/** @throws UnusableAuthorities unless the text has certificates, each of which can be parsed */
export function certificatesIn(text: string): readonly string[] {
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new UnusableAuthorities('it has no certificate in PEM');
  for (const [nth, pem] of found.entries()) {
    try {
      new X509Certificate(pem);
    } catch {
      throw new UnusableAuthorities(`certificate ${nth + 1} of ${found.length} is malformed`);
    }
  }
  return found;
}

/**
 * Examines a file of certificate authorities, before anything depends on it.
 *
 * @returns why nothing can be trusted by it; `undefined` for a good file
 */
export function findAuthoritiesFault(path: string, nowMs: number): string | undefined {
  try {
    refuseNamedPipe(path);
    const certificates = certificatesIn(readFileSync(path, 'utf8'));
    const isOver = certificates.every(
      (pem) => new X509Certificate(pem).validToDate.getTime() < nowMs,
    );
    return isOver ? 'all its certificates have expired' : undefined;
  } catch (error) {
    return error instanceof UnusableAuthorities ? error.message : unreadable(error).message;
  }
}

function unreadable(error: unknown): UnusableAuthorities {
  const code = errorCode(error) ?? 'unknown error';
  return new UnusableAuthorities(`it can't be read (${code})`);
}
