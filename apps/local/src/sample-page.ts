import { type Emulator, SAMPLE_APPS } from '../../emulator/src/index.js';
import { type Sample, startSample } from '../../sample/src/index.js';
import { SAMPLE_PAGE } from './api-process.js';

/** Serves the sample page, with the emulator as its Entra ID. */
export async function startSamplePage({
  port,
  host,
  apiUrl,
  emulator,
}: {
  readonly port: number;
  /** Default: loopback. */
  readonly host: string | undefined;
  readonly apiUrl: string;
  readonly emulator: Emulator;
}): Promise<Sample> {
  const { entraUrl, entraHttpUrl, tenantId, apiAudience } = emulator;
  const metadata = await fetch(`${entraHttpUrl}/${tenantId}/v2.0/.well-known/openid-configuration`);
  return startSample({
    folder: SAMPLE_PAGE,
    port,
    host,
    connectsTo: [apiUrl, entraHttpUrl],
    config: {
      apiUrl,
      scopes: [`api://${apiAudience}/.default`],
      auth: {
        clientId: SAMPLE_APPS['sample-web-app'].clientId,
        // MSAL knows the hosts of Entra only, and no http. It calls the endpoints of the metadata.
        authority: `${entraUrl}/${tenantId}`,
        knownAuthorities: [new URL(entraUrl).host],
        authorityMetadata: await metadata.text(),
      },
      note: 'Local environment: Entra ID is emulated, without passwords. Pick Alice Adams for a token. The service refuses Mallory Moore, who lacks the permission.',
    },
  });
}
