import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommunicationIdentityClient } from '@azure/communication-identity';

export interface NaivePeer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * What one writes first: each request asks ACS through its SDK as it comes, which repeats a refused
 * call three times when it is told when; what fails then is a 500. It checks no caller, keeps no
 * mapping and records nothing, so that all that it shows is how ACS's limits are met.
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
