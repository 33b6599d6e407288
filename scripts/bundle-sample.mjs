// Bundles the sample page for browsers into dist/sample, from the sources: it shares no code with the
// programs that the compiler makes.
import { cpSync } from 'node:fs';
import { build } from 'rolldown';

const FROM = 'apps/sample/page';
const TO = 'dist/sample';

await build({
  input: { main: `${FROM}/main.ts` },
  platform: 'browser',
  tsconfig: `${FROM}/tsconfig.json`,
  output: {
    dir: TO,
    format: 'esm',
    minify: true,
    entryFileNames: '[name].js',
    codeSplitting: false,
  },
});
for (const file of ['index.html', 'style.css', 'icon.svg'])
  cpSync(`${FROM}/${file}`, `${TO}/${file}`);
