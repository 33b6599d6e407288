import { type Emulator, SAMPLE_APPS } from '../../emulator/src/index.js';

/**
 * `CONSOLE_PROVIDERS_FILE` for the emulator: people of every tenant sign in.
 *
 * @param entraUrl an address of the emulator's Entra ID that the browser trusts
 */
export function consoleProviders({ apiAudience }: Emulator, entraUrl: string): string {
  const scopes = (...permissions: string[]): string[] =>
    permissions.map((permission) => `api://${apiAudience}/${permission}`);
  return JSON.stringify([
    {
      name: 'Entra ID',
      authority: `${entraUrl}/common/v2.0`,
      clientId: SAMPLE_APPS['sample-web-app'].clientId,
      scopes: scopes('AuditLog.Read.All'),
      identityScopes: scopes(
        'CommunicationIdentity.Read.All',
        'CommunicationIdentity.ReadWrite.All',
        'CommunicationToken.Revoke.All',
      ),
    },
  ]);
}
