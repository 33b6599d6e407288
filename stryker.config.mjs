import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `npm run test:mutation`: changes one expression at a time where a mistake would be a breach, and runs
 * the specs that cover it. CONTRIBUTING.md says when to run it and how to read survivors.
 */
export default {
  mutate: [
    'libs/{audit,authentication,request-budget,token-issuance,transparency-log}/src/**/*.ts',
    'apps/cli/src/actions/audit/*.ts',
    // Tests and what only they use.
    '!**/*.{spec,contract}.ts',
    '!**/testing/**',
    '!**/testing.ts',
    // Wiring and declarations: a mistake here prevents the start.
    '!**/{index,migrations}.ts',
    '!**/*.{module,d}.ts',
  ],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  coverageAnalysis: 'perTest',
  // Code that runs once while a file loads: each such mutant would need a process and all specs.
  ignoreStatic: true,
  plugins: ['@stryker-mutator/vitest-runner', './test/mutation/ignore-messages.mjs'],
  ignorers: ['messages'],
  incremental: true,
  incrementalFile: 'reports/mutation/incremental.json',
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: 'reports/mutation/index.html' },
  jsonReporter: { fileName: 'reports/mutation/report.json' },
  thresholds: { high: 95, low: 85, break: 85 },
  concurrency: 2,
  // A mutant that makes the code slow is no finding; a busy machine is slow as well.
  timeoutMS: 20_000,
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 60,
  // Outside the tree, so that no tool reads the copies.
  tempDirName: join(tmpdir(), 'acs-identity-mutation'),
  ignorePatterns: ['bench', 'coverage', 'dist', 'docs', 'examples', 'reports', '.local'],
};
