/** Which libraries each library may import. The picture of it is in docs/architecture.md. */
const arrows = {
  platform: [],
  'transparency-log': [],
  client: [],
  'token-text': [],
  secrets: ['platform'],
  audit: ['transparency-log', 'secrets', 'platform'],
  'audit-delivery': ['audit', 'secrets', 'platform'],
  witness: ['transparency-log', 'platform'],
  authentication: ['audit', 'platform'],
  'request-budget': ['platform'],
  'communication-services': ['request-budget', 'secrets', 'platform'],
  'teams-phone': ['communication-services', 'request-budget', 'audit', 'platform'],
  'identity-mapping': [
    'teams-phone',
    'communication-services',
    'request-budget',
    'audit',
    'platform',
  ],
  'token-issuance': [
    'identity-mapping',
    'teams-phone',
    'communication-services',
    'audit',
    'secrets',
    'platform',
  ],
  visitors: ['token-issuance', 'identity-mapping', 'audit', 'secrets', 'platform'],
  composition: [
    'visitors',
    'token-issuance',
    'identity-mapping',
    'teams-phone',
    'communication-services',
    'request-budget',
    'authentication',
    'audit-delivery',
    'audit',
    'secrets',
    'platform',
  ],
};

/** Test code: it may use the test environment and development tools. */
const tests = [
  '\\.(spec|contract)\\.ts$',
  '^libs/[^/]+/test/',
  '^(libs/[^/]+|apps/emulator)/src/testing(\\.ts$|/)',
];

const libraryRules = Object.entries(arrows).map(([library, allowed]) => ({
  name: `${library}-imports`,
  comment: `libs/${library} may import ${allowed.join(', ') || 'no other library'}.`,
  severity: 'error',
  from: { path: `^libs/${library}/`, pathNot: tests },
  to: { path: '^(libs|apps|test|bench)/', pathNot: `^libs/(${[library, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...libraryRules,
    {
      name: 'declared-library',
      comment: 'A new library names its arrows in this file.',
      severity: 'error',
      from: { path: '^(apps|examples|libs|test|bench)/' },
      to: { path: '^libs/', pathNot: `^libs/(${Object.keys(arrows).join('|')})/` },
    },
    {
      name: 'library-by-its-index',
      comment:
        'A library is entered through its index.ts. Tests and benchmarks may measure internals.',
      severity: 'error',
      from: { path: '^(apps|examples|libs)/([^/]+)/' },
      to: {
        path: '^libs/',
        pathNot: [
          '^libs/[^/]+/src/(index|testing|node-version)\\.ts$',
          '^libs/platform/src/node-version\\.ts$',
          '^libs/$2/',
          '^libs/[^/]+/test/',
        ],
      },
    },
    {
      name: 'test-support-for-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: tests },
      to: { path: '^(libs/[^/]+|apps/emulator)/(test|src/testing)(/|\\.ts$)' },
    },
    {
      name: 'end-to-end-tests-apart',
      comment: 'What specs of libraries share is exported by a testing.ts.',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { path: '^test/' },
    },
    {
      name: 'emulator-stands-alone',
      comment: 'It is a package of its own: it uses nothing but its declared dependencies.',
      severity: 'error',
      from: { path: '^apps/emulator/', pathNot: tests },
      to: { path: '^(libs|test|bench|scripts)/' },
    },
    {
      name: 'apps-apart',
      comment: 'Applications share libraries, not code of their own; local starts the others.',
      severity: 'error',
      from: { path: '^apps/(api|cli|emulator)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'http-in-the-api-alone',
      comment: 'The libraries serve other hosts than HTTP too.',
      severity: 'error',
      from: { path: '^libs/', pathNot: tests },
      to: { path: 'node_modules/(fastify|@nestjs/(swagger|platform-fastify))/' },
    },
    {
      name: 'transparency-log-is-pure',
      comment: 'It uses node:crypto in Node and @noble in browsers, each in one file.',
      severity: 'error',
      from: { path: '^libs/transparency-log/', pathNot: tests },
      to: { pathNot: ['^libs/transparency-log/', '^(node:)?crypto$', 'node_modules/@noble/'] },
    },
    {
      name: 'client-is-for-browsers',
      comment: 'It uses what browsers and Node both have, and no package; the hook uses React.',
      severity: 'error',
      from: { path: '^libs/client/', pathNot: tests },
      to: { pathNot: ['^libs/client/', 'node_modules/(@types/)?react/'] },
    },
    {
      name: 'token-text-is-for-browsers',
      comment: 'The console uses it too: it has what browsers and Node both have, and no package.',
      severity: 'error',
      from: { path: '^libs/token-text/', pathNot: tests },
      to: { pathNot: ['^libs/token-text/'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-development-tools',
      comment: 'Production code uses the dependencies of its package.json.',
      severity: 'error',
      from: { path: '^(apps/(api|cli|emulator)|libs)/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(apps|libs)/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['acs-identity-source', 'import', 'types', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.d.ts'],
    },
  },
};
