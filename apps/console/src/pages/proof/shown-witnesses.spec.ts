import { describe, expect, it, vi } from 'vitest';
import { ProblemError } from '../../../../../libs/client/src/index.js';
import type { Api } from '../../api/api.js';
import type { PinnedPolicy } from './remembered.js';
import { shownWitnesses } from './shown-witnesses.js';

// As the bundler resolves it: the package itself has no build here.
vi.mock('@acs-identity/client', async () => import('../../../../../libs/client/src/index.js'));

const REQUIRED: PinnedPolicy = {
  text: 'quorum none',
  pinnedAt: '2025-11-27T09:00:00Z',
  by: 'person',
};
const { signal } = new AbortController();
const busy = new Error('busy');

/** A service with a cosigned checkpoint, and its answer about its health. */
function serviceOf(health: object | Error): Pick<Api, 'json' | 'text'> {
  return {
    json: async <T>(): Promise<T> =>
      health instanceof Error ? Promise.reject(health) : Promise.resolve(health as T), // as the service answers
    text: async () => Promise.resolve('a note'),
  };
}

describe('what a service shows of its witnesses', () => {
  const without = { hasQuorum: false, items: [] };

  it('has the cosigned checkpoint for the policy of the browser when that of the service is not met', async () => {
    const other = { witnesses: { ...without, policy: 'quorum other' } };
    expect(await shownWitnesses(serviceOf(other), REQUIRED, true, signal)).toMatchObject({
      policy: REQUIRED,
      note: 'a note',
    });
    const same = { witnesses: { ...without, policy: `${REQUIRED.text}\n` } };
    expect((await shownWitnesses(serviceOf(same), REQUIRED, true, signal)).note).toBeUndefined();
  });

  it('needs no health of the service for a policy that the browser has', async () => {
    const shown = await shownWitnesses(serviceOf(busy), REQUIRED, true, signal);
    expect(shown).toEqual({ policy: REQUIRED, note: 'a note', known: undefined });
    await expect(shownWitnesses(serviceOf(busy), undefined, true, signal)).rejects.toBe(busy);
  });

  it('is no checkpoint when the service has none, and nothing is known when it fails', async () => {
    const failing = (status: number): Pick<Api, 'json' | 'text'> => ({
      ...serviceOf({}),
      text: async () => Promise.reject(ProblemError.of(new Response(null, { status }), '')),
    });
    const { note } = await shownWitnesses(failing(404), REQUIRED, false, signal);
    expect(note).toBeUndefined();
    await expect(shownWitnesses(failing(503), REQUIRED, false, signal)).rejects.toThrow();
  });
});
