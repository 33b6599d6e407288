import { defineConfig } from 'vitest/config';
import { resolve } from '../../vitest.config.js';

/**
 * The specs that mutants run against: those beside the code, with one PostgreSQL for each runner. What
 * starts processes would run them without the mutant.
 */
export default defineConfig({
  resolve,
  environments: { ssr: { resolve }, __vitest__: { resolve } },
  test: {
    include: [
      'libs/{audit,authentication,request-budget,token-issuance,transparency-log}/**/*.spec.ts',
      'apps/cli/**/*.spec.ts',
    ],
    // `MUTATION_DATABASE=no` saves the start of PostgreSQL where no spec of an area needs it.
    globalSetup: process.env.MUTATION_DATABASE === 'no' ? [] : ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    isolate: false,
  },
});
