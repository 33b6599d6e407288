import type { LocalEnvironment } from './local-folder.js';
import { word } from './shell-quote.js';

/**
 * What `npm start` prints when everything runs.
 *
 * @param notReady the parts of the api that are not ready
 */
export function welcome(environment: LocalEnvironment, notReady: readonly string[] = []): string {
  const { apiUrl, sampleUrl, consoleUrl, emulator, tenantId, caFile, databaseUrl } = environment;
  const database = new URL(databaseUrl);
  database.password = '';
  return `
${notReady.length === 0 ? ready(sampleUrl) : missing(notReady)}
The audit console is ${consoleUrl}: sign in there as Nora North, of security operations.

The api is ${apiUrl} (routes: ${apiUrl}/docs). Ctrl-C stops everything; the data remain in .local/.
This is for development: Entra ID, ACS and Key Vault are emulated.

  Entra ID        ${emulator.entra}/${tenantId}/v2.0
  for browsers    ${emulator.entraHttp}/${tenantId}/v2.0
  ACS             ${emulator.acs}
  Key Vault       ${emulator.keyVault}
  Emulator        ${emulator.control} (control API)
  PostgreSQL      ${database.href} (password in .local/environment.json)
  CA certificate  ${caFile}

The same ports are used at the next start. To trust the certificates of the emulator:

  Node.js:  export NODE_EXTRA_CA_CERTS=${word(caFile)}
  curl:     curl --cacert ${word(caFile)} ${emulator.entra}/${tenantId}/v2.0/.well-known/openid-configuration
  browser:  docs/local-environment.md#trusting-the-ca (the sample page needs no trust)

The same token without a browser, in another terminal:

  curl -X POST ${apiUrl}/v1/me/tokens \\
    -H "authorization: Bearer $(npm run -s token -- alice)" \\
    -H 'content-type: application/json' -d '{}'

Why a caller was refused, and all else that the api says, is in .local/api.log. Commands for this service:

  set -a; . .local/api.env; set +a; npm run -s acs-identity -- doctor

Others for npm run -s token: ada (identity administrator), grace (auditor), erin (AuditLog.Erase.All), mallory
(no permission), crm-service and support-bot (applications).
`;
}

function ready(sampleUrl: string): string {
  return `Ready: open ${sampleUrl}, and sign in as Alice Adams: the page shows her token.`;
}

function missing(notReady: readonly string[]): string {
  return `The api is not ready, and issues no token: ${notReady.join(', ')}.
.local/api.log has the reason, and doctor, as below, says what to do.`;
}
