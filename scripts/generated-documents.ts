import { serviceSettings } from '#libs/composition';
import { createApi } from '../apps/api/src/create-api.js';
import { openApiDocument } from '../apps/api/src/operations/openapi-document.js';
import { commandLinePage } from './command-line-page.js';
import { placeholderEnvironment } from './placeholder-environment.js';

/** Generates documents from the code, by their paths. Connects to nothing. */
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
      const byDefault = isRequired ? '**required**' : fallback ? `\`${fallback}\`` : '–';
      return `| \`${variable}\` | ${byDefault} | ${description.replaceAll('|', '\\|')} |`;
    });
    return [`## ${name}`, '', '| Variable | Default | Meaning |', '|---|---|---|', ...rows, ''];
  });
  return [
    '# Configuration',
    '',
    'The api reads its settings from environment variables at its start. With an invalid setting it does not start, and it lists every error with its fix. `acs-identity config check` checks the settings without a start; `acs-identity config list` prints this list. `npm run documents` generates this page from the schemas of the settings.',
    '',
    ...parts.flat(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}
