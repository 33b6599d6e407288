import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommunicationIdentityClient } from '@azure/communication-identity';

/** An HTTP server that issues tokens without a request budget. */
export interface NaivePeer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The simplest implementation: each request calls ACS at once through its SDK, which retries a
 * throttled call three times; a failure is answered with 500. It verifies no caller, stores no mapping
 * and records nothing, so that it shows the effect of ACS's limits only.
 */
export async function startNaivePeer(connectionString: string): Promise<NaivePeer> {
  const server = createServer((_request, response) => {
    void new CommunicationIdentityClient(connectionString)
      .createUserAndToken(['voip'])
      .then(
        ({ token }) => ({ status: 200, body: { token } }),
        () => ({ status: 500, body: { error: 'failed' } }),
      )
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
