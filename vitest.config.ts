import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

/** `#libs/*` leads to the sources; the built code is for processes that tests start. */
const resolve = { conditions: ['source', ...defaultServerConditions] };

export default defineConfig({
  resolve,
  // Spec files are resolved in the one, the global set-up in the other.
  environments: { ssr: { resolve }, __vitest__: { resolve } },
  test: {
    include: ['{apps,libs}/**/*.spec.ts', 'test/**/*.spec.ts'],
    globalSetup: ['test/environment/global-setup.ts'],
    // More than there are cores: many specs wait for processes and deadlines.
    maxWorkers: 4,
    // What specs share is imported once a worker: nothing in it keeps state outside of what a spec makes.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
