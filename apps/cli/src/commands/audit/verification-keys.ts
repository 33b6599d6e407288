import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { type Checkpoint, NoteVerifier, openCheckpoint } from '#libs/transparency-log';

export interface TrustOptions {
  readonly publicKey?: readonly string[];
  readonly publicKeyFile?: string;
}

/** Whose signatures count. */
export interface Trust {
  readonly origin: string;
  readonly verifiers: readonly NoteVerifier[];
}

/** Adds the options that say which public keys the log has. */
export function withTrustOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--public-key <keys...>',
        'verifier key of the log, <name>+<key id>+<base64>; several while one is replaced',
      ).env('AUDIT_PUBLIC_KEY'),
    )
    .option('--public-key-file <path>', 'file with verifier keys, one a line');
}

/** @throws when no key is given, one is malformed, or they are of several logs */
export function trustOf({ publicKey = [], publicKeyFile }: TrustOptions): Trust {
  const filed = publicKeyFile === undefined ? '' : readFileSync(publicKeyFile, 'utf8');
  const texts = [...publicKey, ...filed.split('\n')]
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const verifiers = texts.map((text) => NoteVerifier.parse(text));
  const [origin, ...others] = new Set(verifiers.map(({ name }) => name));
  if (origin === undefined) {
    throw new Error(
      'Whose log is it? Give its public key: --public-key or --public-key-file. `acs-identity audit keys` and GET /v1/audit/log/keys tell it.',
    );
  }
  if (others.length > 0) throw new Error('The public keys are of several logs.');
  return { origin, verifiers };
}

/** Reads a signed checkpoint out of a file. @throws unless the log signed it */
export function checkpointOf(path: string, trust: Trust): Checkpoint {
  return openCheckpoint(readFileSync(path, 'utf8'), trust).checkpoint;
}
