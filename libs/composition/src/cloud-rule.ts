import { z } from 'zod';
import { communicationServicesSettings } from '#libs/communication-services';
import { azureCloudOf, azureCloudOfHost, type Settings } from '#libs/platform';

/**
 * A rule over variables of several parts: what the Azure credential of the process signs in to belongs to
 * the cloud of `AZURE_CLOUD`, because no cloud accepts the tokens of another. Custom domains are of any.
 */
export const cloudRule: Settings = {
  key: Symbol('rule of clouds'),
  name: 'clouds',
  variables: [],
  schema: z.looseObject({}).superRefine((variables, context) => {
    const cloud = azureCloudOf(variables);
    const { success, data } = communicationServicesSettings.schema.safeParse(variables);
    const resources = success ? data.resources : undefined;
    const endpoints = (resources?.names() ?? []).flatMap((name) => {
      const { endpoint, credentialSecret } = resources?.find(name) ?? {};
      return endpoint === undefined || credentialSecret !== undefined ? [] : [endpoint];
    });
    const acs = variables.ACS_RESOURCES_FILE === undefined ? 'ACS_ENDPOINT' : 'ACS_RESOURCES_FILE';
    const addresses: [string, unknown][] = [
      ['AZURE_AUTHORITY_HOST', variables.AZURE_AUTHORITY_HOST],
      ['KEY_VAULT_URL', variables.KEY_VAULT_URL],
      ...endpoints.map((endpoint): [string, unknown] => [acs, endpoint]),
    ];
    for (const [variable, address] of addresses) {
      const host = URL.parse(String(address))?.hostname ?? '';
      const actual = azureCloudOfHost(host);
      if (actual === undefined || actual === cloud) continue;
      context.addIssue({
        code: 'custom',
        path: [variable],
        message: `names ${host} of ${actual.name}, but AZURE_CLOUD is ${cloud.name}`,
      });
    }
  }),
};
