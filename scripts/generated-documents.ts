import openapiTS, { astToString } from 'openapi-typescript';
import { Registry } from 'prom-client';
import { serviceSettings } from '#libs/composition';
import type { Variable } from '#libs/platform';
import { FINDINGS } from '../apps/cli/src/doctor/findings.js';
import { createApi } from '../apps/api/src/create-api.js';
import { openApiDocument } from '../apps/api/src/operations/openapi-document.js';
import { commandLinePage } from './command-line-page.js';
import { metricsPage } from './metrics-page.js';
import { placeholderEnvironment } from './placeholder-environment.js';

/**
 * Generates documents from the code, by their paths. Connects to nothing.
 *
 * @param read gives the text of a file, of which parts are generated
 */
export async function generatedDocuments(
  read: (path: string) => Promise<string>,
): Promise<Readonly<Record<string, string>>> {
  const app = await createApi({
    ...placeholderEnvironment,
    CLIENT_EXCHANGES: 'teams-extension,entra',
  });
  try {
    const openApi = `${JSON.stringify(openApiDocument(app), null, 2)}\n`;
    return {
      'docs/openapi.json': openApi,
      'libs/client/src/api.ts': await typesOf(openApi),
      'docs/configuration.md': configurationPage(),
      'docs/cli.md': commandLinePage(),
      'docs/doctor.md': doctorPage(),
      'docs/metrics.md': metricsPage(await read('docs/metrics.md'), app.get(Registry)),
    };
  } finally {
    await app.close();
  }
}

/** The types of the client's requests and responses. */
async function typesOf(openApi: string): Promise<string> {
  return `// Generated from docs/openapi.json by \`npm run documents\`.\n\n${astToString(await openapiTS(openApi))}`;
}

function configurationPage(): string {
  const parts = serviceSettings.filter(({ variables }) => variables.length > 0);
  const usual = parts.flatMap(({ name, variables }) => [
    `## ${name}`,
    '',
    ...tableOf(variables.filter(({ isAdvanced }) => !isAdvanced)),
  ]);
  const advanced = parts.flatMap(({ name, variables }) => {
    const rows = variables.filter(({ isAdvanced }) => isAdvanced);
    return rows.length === 0 ? [] : [`### ${name}, advanced`, '', ...tableOf(rows)];
  });
  return [
    '# Configuration',
    '',
    'The api reads its settings from environment variables at its start. With an invalid setting it does not start, and it lists every error with its fix. `acs-identity config check` finds the same without a start; `acs-identity config list` prints this list. `npm run documents` generates this page from the schemas of the settings.',
    '',
    'A variable that the service does not know never prevents a start, except a misspelled one: at most two characters differ from a setting, or its unit does, or `ACS_IDENTITY_` precedes it. The error names the right one. Other unknown variables that start like settings are listed in one warning. The links that Kubernetes sets for the Services of a namespace are ignored, also one that has the name of a setting.',
    '',
    'Quotes around a value, and a carriage return at its end, prevent the start: `docker run --env-file` and files with line ends of Windows leave them in the value. The name of the audit log alone may have quotes, for logs that have them already.',
    '',
    ...usual,
    '## Advanced',
    '',
    'Their defaults are right for nearly every installation. Change one when a metric or a page of [problems](problems/README.md) gives a reason.',
    '',
    ...advanced,
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function tableOf(variables: readonly Variable[]): string[] {
  const rows = variables.map(({ name, description, isRequired, fallback }) => {
    const byDefault = isRequired ? '**required**' : fallback ? `\`${fallback}\`` : '–';
    return `| \`${name}\` | ${byDefault} | ${description.replaceAll('|', '\\|')} |`;
  });
  return ['| Variable | Default | Meaning |', '|---|---|---|', ...rows, ''];
}

/** One row for each finding of `acs-identity doctor`. */
function doctorPage(): string {
  const rows = Object.entries(FINDINGS).map(
    ([code, { meaning, fix }]) => `| \`${code}\` | ${meaning} | ${fix} |`,
  );
  return [
    '# Doctor',
    '',
    '`acs-identity doctor` examines everything that the service depends on, and prints one line for each finding: code, subject, what was found, and the remedy. Run it where the api runs, with the environment of the api: before the first start, after a change, and when readiness is down. `--json` prints the same for pipelines. The exit code is 0 without a finding, otherwise 1.',
    '',
    '- It changes nothing: not the database, not the checkpoint file, not ACS. Beside the checkpoint file it makes a file and removes it, which shows whether the file can be replaced. It asks ACS for a token without scopes for an identity that does not exist, which ACS refuses after it has checked the credential. Reads of secrets are in the logs of Key Vault, not in the audit log.',
    '- The checks run at once, each with its deadline (`--timeout-seconds`), so that an unreachable database does not hide an unreachable Key Vault. A check is skipped when another finding explains why it can not be made, and where a host has replaced the port that it works through ([extending](extending.md)); its line says why. The end names what was skipped: “in order” is said of everything or not at all, and `isComplete` in the JSON is false.',
    '- `--token-file` names a file with an access token of a caller. Doctor shows the claims that identify nobody, and what the service would do: refuse it, and why, or accept it, with its permissions and the decision of the policy. The token itself is never shown.',
    '- Receivers of what the service has done are examined as well: sinks of the audit log, witnesses and telemetry collectors. Of each sink the credentials are read, and nothing is sent: `acs-identity audit sinks status` shows the sinks, and `audit sinks test` tries one with a record.',
    '- Of each provider of the console, the discovery document is read, and its scopes are compared with `ENTRA_AUDIENCE`. Nobody signs in.',
    '- ACS shows the id of a resource in identities only. A wrong `ACS_RESOURCE_ID` is found once the service has created one, or if it has mapped one before.',
    '',
    '`npm run documents` generates this page from the code. Codes never change once released.',
    '',
    '| Code | What it means | Remedy |',
    '|---|---|---|',
    ...rows,
  ]
    .join('\n')
    .concat('\n');
}
