import { once } from 'node:events';
import { createServer } from 'node:net';
import type { HttpSettings } from '#libs/composition';
import { finding } from '../findings.js';
import type { Check } from '../run-checks.js';

/** Whether this machine has the address that the api listens on. Takes a free port of it for a moment. */
export function hostCheck({ host }: HttpSettings): Check {
  return {
    name: 'address to listen on',
    run: async (signal) => {
      const server = createServer();
      try {
        await once(server.listen({ port: 0, host }), 'listening', { signal });
        return { findings: [], note: host };
      } catch (error) {
        const { code } = error as { code?: unknown }; // of Node
        return { findings: [finding('host-not-local', host, String(code))] };
      } finally {
        server.close();
      }
    },
  };
}
