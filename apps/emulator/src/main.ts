import { Command, InvalidArgumentError } from 'commander';
import { type Emulator, startEmulator } from './emulator.js';

interface Flags {
  readonly directory: string;
  readonly host?: string;
  readonly publicHost?: string;
  readonly allowRemote?: boolean;
  readonly persist?: boolean;
  readonly entraPort?: number;
  readonly acsPort?: number;
  readonly acsSecondPort?: number;
  readonly keyVaultPort?: number;
  readonly managedIdentityPort?: number;
  readonly controlPort?: number;
  readonly acsLatencyMs?: number;
  readonly acsLimits?: 'off';
  readonly acsSigningKeyBits?: 1024 | 2048;
}

const command = new Command('emulator')
  .description('Fake Entra ID, ACS identity and Key Vault for development. NOT FOR PRODUCTION.')
  .requiredOption('--directory <path>', 'where the local CA lives, and the state with --persist')
  .option('--host <address>', 'address of the TLS services (default: 127.0.0.1)')
  .option('--public-host <name>', 'host name in URLs and certificate (default: --host)')
  .option('--allow-remote', 'allow a --host that other machines can reach')
  .option('--persist', 'keep identities, secrets and keys between starts')
  .option('--entra-port <port>', 'default: a free one', toPort)
  .option('--acs-port <port>', 'default: a free one', toPort)
  .option('--acs-second-port <port>', 'second ACS resource; default: a free one', toPort)
  .option('--key-vault-port <port>', 'default: a free one', toPort)
  .option('--managed-identity-port <port>', 'always on 127.0.0.1; default: a free one', toPort)
  .option('--control-port <port>', 'always on 127.0.0.1; default: a free one', toPort)
  .option('--acs-latency-ms <milliseconds>', 'added to each ACS answer (default: 0)', toNumber)
  .option('--acs-limits <off>', 'off: ACS never answers 429', toLimits)
  .option('--acs-signing-key-bits <bits>', '1024 spares CPU under load (default: 2048)', toKeyBits)
  .addHelpText('after', '\nPrints one line of JSON with its addresses on stdout when it is ready.');

const flags = command.parse().opts<Flags>();
const isRemote = flags.allowRemote === true;
console.error('*** Azure emulator: NOT FOR PRODUCTION. Anyone who reaches it is signed in. ***');
if (isRemote) console.error('*** --allow-remote: other machines may reach it. ***');

try {
  const emulator = await startEmulator({
    directory: flags.directory,
    allowRemote: isRemote,
    persist: flags.persist === true,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.publicHost === undefined ? {} : { publicHost: flags.publicHost }),
    ports: {
      entra: flags.entraPort ?? 0,
      acs: flags.acsPort ?? 0,
      acsSecond: flags.acsSecondPort ?? 0,
      keyVault: flags.keyVaultPort ?? 0,
      managedIdentity: flags.managedIdentityPort ?? 0,
      control: flags.controlPort ?? 0,
    },
    acs: {
      ...(flags.acsLatencyMs === undefined ? {} : { latencyMs: flags.acsLatencyMs }),
      ...(flags.acsLimits === undefined ? {} : { limits: flags.acsLimits }),
      signingKeyBits: flags.acsSigningKeyBits ?? 2048,
    },
  });
  const end = (): void => void emulator.stop();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  console.log(JSON.stringify(withoutSecrets(emulator)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Output ends up in logs; connection strings are read from the vault. */
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

function toPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a whole number from 0 to 65535.');
}

function toNumber(text: string): number {
  const number = Number(text);
  if (text !== '' && number >= 0) return number;
  throw new InvalidArgumentError('not a number of milliseconds.');
}

function toLimits(text: string): 'off' {
  if (text === 'off') return text;
  throw new InvalidArgumentError("only 'off' may be given.");
}

function toKeyBits(text: string): 1024 | 2048 {
  if (text === '1024') return 1024;
  if (text === '2048') return 2048;
  throw new InvalidArgumentError('1024 or 2048.');
}
