import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NOT_MUTATED, PARTS } from './test/mutation/parts.mjs';

const name = process.env.MUTATION_PART ?? 'policy';
const part = PARTS[name];
const folder = `reports/mutation/${name}`;

/**
 * `npm run test:mutation -- <part>`: changes one expression at a time where a mistake would be a breach, and
 * runs the specs that cover it. CONTRIBUTING.md says when to run it and how to read survivors.
 */
export default {
  mutate: [...part.mutate, ...NOT_MUTATED],
  testFiles: part.tests,
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  coverageAnalysis: 'perTest',
  // Code that runs once while a file loads: each such mutant would need a process and all specs.
  ignoreStatic: true,
  plugins: ['@stryker-mutator/vitest-runner', './test/mutation/ignore-messages.mjs'],
  ignorers: ['messages'],
  incremental: true,
  incrementalFile: `${folder}/incremental.json`,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: `${folder}/index.html` },
  jsonReporter: { fileName: `${folder}/report.json` },
  thresholds: { high: 95, low: 85, break: 85 },
  concurrency: 2,
  // A mutant that makes the code slow is no finding; a busy machine is slow as well.
  timeoutMS: 60_000,
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 60,
  // Outside the tree, so that no tool reads the copies.
  tempDirName: join(tmpdir(), `acs-identity-mutation-${process.pid}`),
  ignorePatterns: ['bench', 'coverage', 'dist', 'docs/images', 'examples', 'reports', '.local'],
};
