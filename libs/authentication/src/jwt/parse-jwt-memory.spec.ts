import { randomBytes } from 'node:crypto';
import { getHeapSnapshot, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { parseJwt } from './parse-jwt.js';

/** Parses a token made here; returns its claims segment outside the heap, so that the test does not keep it. */
function parseSecretToken(): Buffer {
  const head = Buffer.from(
    JSON.stringify({ alg: 'RS256', kid: randomBytes(8).toString('hex') }),
  ).toString('base64url');
  const claims = Buffer.from(
    Buffer.from(JSON.stringify({ a: randomBytes(30).toString('hex') })).toString('base64url'),
  );
  parseJwt(Buffer.from(`${head}.${claims.toString()}.c2ln`).toString());
  return claims;
}

it('keeps no token in memory once it is parsed', { timeout: 60_000 }, async () => {
  const claims = parseSecretToken();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(Buffer.from(chunk as Buffer));
  expect(Buffer.concat(chunks).includes(claims)).toBe(false);
});
