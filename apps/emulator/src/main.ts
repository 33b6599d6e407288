#!/usr/bin/env node
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Emulator, startEmulator } from './emulator.js';

interface Flags {
  readonly directory: string;
  readonly persist?: true;
  readonly host?: string;
  readonly publicHost?: string;
  readonly allowRemote?: true;
  readonly entraPort: number;
  readonly entraHttpPort: number;
  readonly acsPort: number;
  readonly acsSecondPort: number;
  readonly keyVaultPort: number;
  readonly graphPort: number;
  readonly managedIdentityPort: number;
  readonly controlPort: number;
  readonly acsLatencyMs: number;
  readonly acsLimits?: 'off';
  readonly acsSigningKeyBits: 1024 | 2048;
}

const MAX_LATENCY_MS = 600_000;

const HELP = `
When ready, it prints its addresses as one line of JSON on stdout and as text on stderr.
Ctrl-C or SIGTERM stops it.

Clients must trust the CA certificate, for instance in Node.js:
  NODE_EXTRA_CA_CERTS=.acs-identity-emulator/ca.pem node app.js`;

const flags = new Command('acs-identity-emulator')
  .description(
    'Emulates Microsoft Entra ID, Azure Communication Services (identity), Key Vault, ' +
      'Graph (users) and managed identity for development and tests. NOT FOR PRODUCTION: it signs in anyone.',
  )
  .option('--directory <path>', 'folder of the CA and the state', '.acs-identity-emulator')
  .option('--persist', 'store identities, secrets and keys between starts')
  .option('--host <address>', 'address of the TLS services (default: 127.0.0.1)')
  .option('--public-host <name>', 'host name in URLs and in the certificate (default: --host)')
  .option('--allow-remote', 'allow a --host that other machines can reach')
  .addOption(portOption('--entra-port', 'Entra ID'))
  .addOption(portOption('--entra-http-port', 'Entra ID without TLS, on 127.0.0.1'))
  .addOption(portOption('--acs-port', 'ACS, first resource'))
  .addOption(portOption('--acs-second-port', 'ACS, second resource'))
  .addOption(portOption('--key-vault-port', 'Key Vault'))
  .addOption(portOption('--graph-port', 'Microsoft Graph'))
  .addOption(portOption('--managed-identity-port', 'managed identity, on 127.0.0.1'))
  .addOption(portOption('--control-port', 'control API, on 127.0.0.1'))
  .option('--acs-latency-ms <milliseconds>', 'latency of every ACS response', toLatency, 0)
  .option('--acs-limits <off>', 'turns the rate limits of ACS off', toLimits)
  .option('--acs-signing-key-bits <bits>', '1024 saves CPU in load tests', toKeyBits, 2048)
  .addHelpText('after', HELP)
  .showHelpAfterError('See --help.')
  .parse()
  .opts<Flags>();

console.error('*** Azure emulator: NOT FOR PRODUCTION. It signs in anyone who can reach it. ***');
if (flags.allowRemote) console.error('*** --allow-remote: other machines may reach it. ***');

try {
  const emulator = await startEmulator({
    directory: resolve(flags.directory),
    persist: flags.persist ?? false,
    allowRemote: flags.allowRemote ?? false,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.publicHost === undefined ? {} : { publicHost: flags.publicHost }),
    ports: {
      entra: flags.entraPort,
      entraHttp: flags.entraHttpPort,
      acs: flags.acsPort,
      acsSecond: flags.acsSecondPort,
      keyVault: flags.keyVaultPort,
      graph: flags.graphPort,
      managedIdentity: flags.managedIdentityPort,
      control: flags.controlPort,
    },
    acs: {
      latencyMs: flags.acsLatencyMs,
      ...(flags.acsLimits === undefined ? {} : { limits: flags.acsLimits }),
      signingKeyBits: flags.acsSigningKeyBits,
    },
  });
  const end = (): void => void emulator.stop();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  console.error(summary(emulator));
  console.log(JSON.stringify(withoutSecrets(emulator)));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function summary(emulator: Emulator): string {
  const { entraUrl, entraHttpUrl, tenantId, acsResources } = emulator;
  const { keyVaultUrl, graphUrl, managedIdentityUrl, controlUrl, caFile } = emulator;
  const lines = [
    ['Entra ID', `${entraUrl}/${tenantId}`],
    ['Entra, browsers', `${entraHttpUrl}/${tenantId}`],
    ...acsResources.map(({ name, url }) => [`ACS (${name})`, url]),
    ['Key Vault', keyVaultUrl],
    ['Microsoft Graph', graphUrl],
    ['Managed identity', managedIdentityUrl],
    ['Control API', controlUrl],
    ['CA certificate', caFile],
  ];
  return lines.map(([name = '', value = '']) => `  ${name.padEnd(18)}${value}`).join('\n');
}

/** Output ends up in logs. Connection strings are in the vault. */
function withoutSecrets(emulator: Emulator): object {
  return {
    ...emulator,
    acsAccessKey: undefined,
    acsResources: emulator.acsResources.map(({ name, url, resourceId, secretName }) => {
      return { name, url, resourceId, secretName };
    }),
    control: undefined,
    caPem: undefined,
  };
}

function portOption(flag: string, description: string): Option {
  return new Option(`${flag} <port>`, description).argParser(toPort).default(0, 'a free port');
}

function toPort(text: string): number {
  return toInteger(text, 65_535);
}

function toLatency(text: string): number {
  return toInteger(text, MAX_LATENCY_MS);
}

function toInteger(text: string, max: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= max) return number;
  throw new InvalidArgumentError(`It must be an integer from 0 to ${max}.`);
}

function toLimits(text: string): 'off' {
  if (text === 'off') return text;
  throw new InvalidArgumentError("It must be 'off'.");
}

function toKeyBits(text: string): 1024 | 2048 {
  if (text === '1024') return 1024;
  if (text === '2048') return 2048;
  throw new InvalidArgumentError('It must be 1024 or 2048.');
}
