import { serviceSettings } from '#libs/composition';
import { createApi } from '../apps/api/src/create-api.js';
import { openApiDocument } from '../apps/api/src/operations/openapi-document.js';
import { commandLinePage } from './command-line-page.js';
import { placeholderEnvironment } from './placeholder-environment.js';

/** The documents that come out of the code, by their paths. Nothing is connected to. */
export async function generatedDocuments(): Promise<Readonly<Record<string, string>>> {
  const app = await createApi(placeholderEnvironment);
  try {
    return {
      'docs/openapi.json': `${JSON.stringify(openApiDocument(app), null, 2)}\n`,
      'docs/configuration.md': configurationPage(),
      'docs/cli.md': commandLinePage(),
    };
  } finally {
    await app.close();
  }
}

function configurationPage(): string {
  const parts = serviceSettings.map(({ name, variables }) => {
    const rows = variables.map(({ name: variable, description, isRequired, fallback }) => {
      const standing = isRequired ? '**required**' : fallback ? `\`${fallback}\`` : '–';
      return `| \`${variable}\` | ${standing} | ${description.replaceAll('|', '\\|')} |`;
    });
    return [`## ${name}`, '', '| Variable | Default | Meaning |', '|---|---|---|', ...rows, ''];
  });
  return [
    '# Configuration',
    '',
    'The api reads environment variables alone, all of them at its start; `npm run documents` writes this page from the same schemas. It refuses to start when any is at fault, and lists every fault at once with its fix. `acs-identity config check` does the same without starting anything, and `acs-identity config list` prints this list.',
    '',
    ...parts.flat(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}
