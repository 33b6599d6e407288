import { createCommunicationAccessKeyCredentialPolicy } from '@azure/communication-common';
import {
  createPipelineRequest,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acsPipeline, signWith } from './acs-pipeline.js';

const KEY = Buffer.from(
  'an access key of 64 bytes, as those of azure resources, in base64',
).toString('base64');

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** The request as the HTTP client gets it. */
async function sent(
  send: (next: (request: PipelineRequest) => Promise<PipelineResponse>) => Promise<unknown>,
): Promise<Record<string, string>> {
  let headers: Record<string, string> = {};
  await send(async (request) => {
    headers = request.headers.toJSON();
    return Promise.resolve({ request, status: 204, headers: request.headers });
  });
  return headers;
}

describe('acsPipeline', () => {
  it('signs as the SDK does, whatever host, path, query and content are', async () => {
    const sdk = createCommunicationAccessKeyCredentialPolicy({ key: KEY });
    await fc.assert(
      fc.asyncProperty(
        fc.webUrl({ withQueryParameters: false }),
        fc.constantFrom('', '?api-version=2023-10-01', '?a=1&b=2'),
        fc.constantFrom('GET', 'POST', 'DELETE'),
        fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
        async (url, query, method, body) => {
          const request = (): PipelineRequest =>
            createPipelineRequest({
              url: `${new URL(url).href}${query}`,
              method: method, // one of three
              ...(body !== undefined && { body }),
            });
          const ours = acsPipeline();
          signWith(KEY, ours);
          const expected = await sent(async (next) => sdk.sendRequest(request(), next));
          const actual = await sent(async (sendRequest) =>
            ours.sendRequest({ sendRequest }, request()),
          );
          expect(actual).toMatchObject(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('has one signature only, and asks for no compression, which nothing would undo', async () => {
    const pipeline = acsPipeline();
    pipeline.addPolicy(createCommunicationAccessKeyCredentialPolicy({ key: 'b2xk' }));
    signWith(KEY, pipeline);
    expect(pipeline.getOrderedPolicies().map(({ name }) => name)).toEqual([
      'serializationPolicy',
      'identification',
      'signer',
      'deserializationPolicy',
    ]);
    const request = createPipelineRequest({ url: 'https://acs.example/identities' });
    request.headers.set('x-ms-client-request-id', 'of-the-caller');
    const headers = await sent(async (sendRequest) =>
      pipeline.sendRequest({ sendRequest }, request),
    );
    expect(headers).not.toHaveProperty('accept-encoding');
    expect(headers['x-ms-client-request-id']).toBe('of-the-caller');
  });
});
