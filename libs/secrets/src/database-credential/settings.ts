import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  ADVANCED,
  azureCloudOf,
  defineSettings,
  refuseNamedPipe,
  secretName,
  type SettingsOf,
  tokenScope,
} from '#libs/platform';
import { passwordIn } from './password-in.js';

const passwordFile = z.string().superRefine((path, context) => {
  try {
    refuseNamedPipe(path);
    if (passwordIn(readFileSync(path, 'utf8')) === '') context.addIssue('the file is empty');
  } catch (error) {
    context.addIssue(`the file can not be read (${String((error as { code?: unknown }).code)})`); // of Node
  }
});

/** How the process signs in to PostgreSQL. */
export const databaseCredentialSettings = defineSettings(
  'database-credential',
  z
    .object({
      DATABASE_AUTH: z
        .enum(['password', 'entra'], { error: 'must be password or entra' })
        .default('password')
        .describe(
          'how this process signs in to PostgreSQL: password, or entra with a token of AZURE_CREDENTIAL',
        ),
      DATABASE_PASSWORD_FILE: passwordFile
        .optional()
        .describe(
          'file with the password, which takes the place of the one in DATABASE_URL; read for each new connection, so that it may change',
        ),
      DATABASE_PASSWORD_SECRET: secretName()
        .optional()
        .describe(
          'name of the Key Vault secret with the password, which takes the place of the one in DATABASE_URL; it may change',
        ),
      DATABASE_ENTRA_SCOPE: tokenScope()
        .optional()
        .describe(
          'scope of the token with DATABASE_AUTH=entra; default: that of AZURE_CLOUD, https://ossrdbms-aad.database.windows.net/.default',
        )
        .meta(ADVANCED),
    })
    // AZURE_CLOUD is a setting of the platform.
    .catchall(z.string())
    .refine(
      ({ DATABASE_AUTH: auth, DATABASE_PASSWORD_FILE: file }) =>
        auth !== 'entra' || file === undefined,
      { error: 'has no use with DATABASE_AUTH=entra', path: ['DATABASE_PASSWORD_FILE'] },
    )
    .refine(
      ({ DATABASE_AUTH: auth, DATABASE_PASSWORD_FILE: file, DATABASE_PASSWORD_SECRET: secret }) =>
        secret === undefined || (auth !== 'entra' && file === undefined),
      {
        error: 'has no use with DATABASE_AUTH=entra, nor with DATABASE_PASSWORD_FILE',
        path: ['DATABASE_PASSWORD_SECRET'],
      },
    ),
  (variables) => ({
    auth: variables.DATABASE_AUTH,
    passwordSecret: variables.DATABASE_PASSWORD_SECRET,
    passwordFile: variables.DATABASE_PASSWORD_FILE,
    entraScope: variables.DATABASE_ENTRA_SCOPE ?? azureCloudOf(variables).databaseScope,
  }),
);

export type DatabaseCredentialSettings = SettingsOf<typeof databaseCredentialSettings>;
