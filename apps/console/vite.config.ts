import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The auditors' console. `scripts/bundle-console.mjs` builds it, and the api serves the result. */
export default defineConfig({
  root: pathOf('.'),
  base: '/console/',
  resolve: {
    alias: {
      '@acs-identity/client': pathOf('../../libs/client/src/index.ts'),
      '#libs/token-text': pathOf('../../libs/token-text/src/index.ts'),
      '#libs/transparency-log': pathOf('../../libs/transparency-log/src/index.ts'),
      '#transparency-log/crypto': pathOf('../../libs/transparency-log/src/crypto-in-browsers.ts'),
    },
  },
  build: {
    outDir: pathOf('../../dist/console'),
    emptyOutDir: true,
    target: 'es2023',
    // The content security policy allows no `data:` scripts, and no inline ones.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      // One file of what most pages share, instead of thirty small ones that the first page waits for. The parts of
      // dialogs, which five files share, are loaded with the first dialog.
      output: { codeSplitting: { groups: [{ name: 'shared', minShareCount: 6 }] } },
      onLog(level, log, print) {
        // "use client" in Fluent UI: for servers that render pages.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log);
      },
    },
  },
});
