import { MockAgent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpsMetadataSource } from './https-metadata-source.js';

const ORIGIN = 'https://issuer.example';

describe('HttpsMetadataSource', () => {
  let agent: MockAgent;
  beforeEach(() => {
    agent = new MockAgent();
    agent.disableNetConnect();
  });
  afterEach(async () => {
    await agent.close();
  });

  async function load(body: string | Buffer): Promise<unknown> {
    agent.get(ORIGIN).intercept({ path: '/keys' }).reply(200, body);
    return new HttpsMetadataSource(agent).load(`${ORIGIN}/keys`, AbortSignal.timeout(5_000));
  }

  it('loads a document', async () => {
    expect(await load('{"keys":[{"kid":"a"}]}')).toEqual({ keys: [{ kid: 'a' }] });
  });

  it.each([
    ['a member twice', '{"issuer":"https://issuer.example","issuer":"https://other.example"}'],
    ['a key with a member twice', '{"keys":[{"kid":"a","n":"AQAB","n":"AQAC"}]}'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a byte order mark', '\ufeff{"keys":[]}'],
    ['a member __proto__', '{"__proto__":{"issuer":"https://issuer.example"}}'],
  ])('refuses a document with %s', async (_what, body) => {
    await expect(load(body)).rejects.toMatchObject({ name: 'InvalidJson' });
  });
});
