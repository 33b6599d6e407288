import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAuthoritiesFault } from './authorities-file.js';

const NOW = Date.UTC(2026, 10, 27);
const FAR = Date.UTC(2126, 10, 27);

describe('findAuthoritiesFault', () => {
  const [first = '', second = ''] = tls.getCACertificates('bundled');
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'authorities-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function faultOf(content: string, now = NOW): Promise<string | undefined> {
    const path = join(folder, 'ca.pem');
    await writeFile(path, content);
    return findAuthoritiesFault(path, now);
  }

  it('finds nothing in a file with certificates', async () => {
    expect(await faultOf(`# Contoso\n${first}\n${second}`)).toBeUndefined();
  });

  it.each([
    ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /no certificate/],
    ['nothing', '', /no certificate in PEM/],
    ['a certificate that is cut', first.replace(/\n.{64}/, ''), /certificate 1 of 1 is malformed/],
  ])('names a file with %s', async (_what, content, fault) => {
    expect(await faultOf(content)).toMatch(fault);
  });

  it('names a file whose certificates have all expired', async () => {
    expect(await faultOf(first, FAR)).toBe('all its certificates have expired');
  });

  it('names a file that can not be read, and a named pipe, at which it does not wait', () => {
    expect(findAuthoritiesFault(join(folder, 'none'), NOW)).toBe("it can't be read (ENOENT)");
    expect(findAuthoritiesFault(folder, NOW)).toBe("it can't be read (EISDIR)");
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(findAuthoritiesFault(pipe, NOW)).toBe("it can't be read (a named pipe)");
  });
});
