import { z } from 'zod';
import { defineSettings, httpsOrigin, type SettingsOf, wholeNumber } from '#libs/platform';
import { budgetFields, budgetOf } from '#libs/request-budget';
import { CommunicationResources } from './resources/communication-resources.js';
import { resourcesFile } from './resources/resources-file.js';

/** A secret's name, as Key Vault allows it. */
const secretName = z
  .string()
  .regex(/^[0-9a-zA-Z-]{1,127}$/, 'must be 1 to 127 letters, digits and hyphens');

const fields = z
  .object({
    ACS_ENDPOINT: httpsOrigin()
      .optional()
      .describe(
        'https address of the Azure Communication Services resource; not together with ACS_RESOURCES_FILE',
      ),
    ACS_RESOURCE_ID: z
      .guid('must be a GUID')
      .optional()
      .describe(
        "the resource's immutable resource id, a GUID: az communication show --query immutableResourceId",
      ),
    ACS_CREDENTIAL_SECRET: secretName
      .optional()
      .describe(
        'name of the Key Vault secret with the connection string or access key; not set: the Azure credential of this process',
      ),
    ACS_RESOURCES_FILE: resourcesFile()
      .optional()
      .describe(
        'path of a JSON file that lists several resources: [{"name", "endpoint", "resourceId", "credentialSecret"?, "tenants"?: [], "default"?: true}]',
      ),
    ACS_TIMEOUT_MS: wholeNumber(100, 60_000)
      .prefault('5000')
      .describe(
        'milliseconds until a call to Azure Communication Services is given up, its repetition included, 100 to 60000',
      ),
    ACS_CONNECTIONS: wholeNumber(1, 512)
      .prefault('64')
      .describe('connections that one process opens to one resource at most, 1 to 512'),
    ...budgetFields,
  })
  .superRefine((variables, context) => {
    const path = (name: keyof typeof variables): { path: string[] } => ({ path: [name] });
    if (variables.ACS_RESOURCES_FILE) {
      for (const name of ['ACS_ENDPOINT', 'ACS_RESOURCE_ID', 'ACS_CREDENTIAL_SECRET'] as const) {
        if (variables[name] === undefined) continue;
        const message = 'can not be set together with ACS_RESOURCES_FILE';
        context.addIssue({ code: 'custom', message, ...path(name) });
      }
      return;
    }
    for (const name of ['ACS_ENDPOINT', 'ACS_RESOURCE_ID'] as const) {
      if (variables[name] !== undefined) continue;
      context.addIssue({ code: 'custom', message: 'is not set', ...path(name) });
    }
  });

export const communicationServicesSettings = defineSettings(
  'communication-services',
  fields,
  (variables) => ({
    resources:
      variables.ACS_RESOURCES_FILE ??
      new CommunicationResources(
        [
          {
            name: 'default',
            endpoint: variables.ACS_ENDPOINT ?? '',
            immutableResourceId: (variables.ACS_RESOURCE_ID ?? '').toLowerCase(),
            ...(variables.ACS_CREDENTIAL_SECRET !== undefined && {
              credentialSecret: variables.ACS_CREDENTIAL_SECRET,
            }),
            tenants: [],
          },
        ],
        'default',
      ),
    timeoutMs: variables.ACS_TIMEOUT_MS,
    connections: variables.ACS_CONNECTIONS,
    budget: budgetOf(variables),
  }),
);

export type CommunicationServicesSettings = SettingsOf<typeof communicationServicesSettings>;
