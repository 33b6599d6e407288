import { describe, expect, it } from 'vitest';
import type { Api } from '../../api/api.js';
import { readExports } from './read-exports.js';
import type { Search } from './use-entries.js';

const search: Search = {
  filters: [{ name: 'involvedSubject', value: 'alice' }],
  span: { from: 0, to: undefined },
  isAscending: false,
};

describe('an export', () => {
  it('is a file for each search', async () => {
    const api: Pick<Api, 'send'> = { send: async () => Promise.resolve(new Response('rows')) };
    const files = await readExports(api, search, 'csv', new AbortController().signal);
    expect(files.map(({ name }) => name)).toEqual(['audit-log-by-person', 'audit-log-on-person']);
    expect(await files[0]?.content.text()).toBe('rows');
  });

  it('ends when it is cancelled, and gives nothing to save, also of files that were there', async () => {
    const cancelled = new AbortController();
    const signals: (AbortSignal | undefined)[] = [];
    const api: Pick<Api, 'send'> = {
      send: async (_method, _path, options) => {
        signals.push(options?.signal);
        if (signals.length === 2) cancelled.abort();
        return Promise.resolve(new Response('rows'));
      },
    };
    const files = readExports(api, search, 'csv', cancelled.signal);
    await expect(files).rejects.toThrow('aborted');
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
  });
});
