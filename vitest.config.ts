import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * `#libs/*` leads to the sources; the built code is for processes that tests start. The condition is published with
 * the packages, without the sources: no other project may set one of its name.
 */
export const resolve = { conditions: ['acs-identity-source', ...defaultServerConditions] };

/**
 * In processes of their own: @azure/identity keeps the address and the tokens of a managed identity for the
 * whole process, and a heap snapshot is of all that other specs have imported.
 */
const alone = [
  'apps/emulator/src/key-vault/key-vault.spec.ts',
  'libs/authentication/src/jwt/parse-jwt-memory.spec.ts',
  'libs/secrets/src/key-vault/key-vault-secret-store.spec.ts',
];

/**
 * `npm run test:resilience`, with which the campaigns begin: specs that start, stop and restore whole
 * environments so often that they would make `npm test` a fifth longer.
 */
const resilience = [
  'test/local/endings.spec.ts',
  'test/resilience/{audit-delivery,audit-witnesses,bulkheads,certificate-authorities}.spec.ts',
  'test/resilience/{clock-skew,database-needs,egress-proxy,restore,shutdown,start-matrix}.spec.ts',
];

/** `npm run test:databases`: with PgBouncer, and on other versions of PostgreSQL than the suite's own. */
const databases = ['test/resilience/pooler.spec.ts', 'test/api/postgres-versions.spec.ts'];

/** `npm run test:image`: of the container image. */
const image = ['test/image/*.spec.ts'];
/** `npm run test:deployment`: with Helm, promtool, HAProxy and PgBouncer. */
const deployment = ['test/deployment/{chart,chart-network,chart-values,alert-rules,stand}.spec.ts'];

/** `npm run bench` begins with it: contenders of the benchmark answer as the service does. */
const contenders = ['test/bench/contenders.spec.ts'];

const globalSetup = ['test/support/global-setup.ts'];

/** Where specs start browsers, environments and replicas: they take longest. */
const longest = ['test/browser/', 'test/local/', 'test/resilience/', 'test/security/', 'test/'];

/** Long files first, so that none of them is left for one worker at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = longest.findIndex((folder) => moduleId.includes(`/${folder}`));
      return rank === -1 ? longest.length : rank;
    };
    return (await super.sort(files)).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

export default defineConfig({
  resolve,
  // Spec files are resolved in the one, the global set-up in the other.
  environments: { ssr: { resolve }, __vitest__: { resolve } },
  test: {
    // More than there are cores: many specs wait for processes and deadlines.
    maxWorkers: 5,
    // What a dependency will take away is found before its next version.
    execArgv: ['--throw-deprecation'],
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['{apps,examples,libs}/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: [
            '**/node_modules/**',
            ...alone,
            ...resilience,
            ...databases,
            ...image,
            ...deployment,
            ...contenders,
          ],
          globalSetup,
          // A worker imports once what specs share: that halves the time of the whole.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: alone } },
      ...(process.env.TEST_RESILIENCE
        ? [
            {
              extends: true as const,
              test: { name: 'resilience', include: resilience, globalSetup, isolate: false },
            },
          ]
        : []),
      ...(process.env.TEST_DATABASES
        ? [{ extends: true as const, test: { name: 'databases', include: databases, globalSetup } }]
        : []),
      ...(process.env.TEST_CONTENDERS
        ? [
            {
              extends: true as const,
              test: { name: 'contenders', include: contenders, globalSetup },
            },
          ]
        : []),
      ...(process.env.TEST_IMAGE
        ? [{ extends: true as const, test: { name: 'image', include: image, globalSetup } }]
        : []),
      ...(process.env.TEST_HELM === undefined
        ? []
        : [{ extends: true as const, test: { name: 'deployment', include: deployment } }]),
    ],
  },
});
