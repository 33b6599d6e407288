import { readFile } from 'node:fs/promises';
import { explain, ServiceError } from '#libs/platform';
import type { SecretStore } from '#libs/secrets';
import { SinkFailure } from '../delivery/sink.js';
import type { CredentialReference } from './sink-options.js';

/** Reads the credential when it is needed, so that a rotated one is used without a restart. */
export class Credential {
  constructor(
    private readonly reference: CredentialReference,
    private readonly secrets: SecretStore,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Without blanks and line breaks around it. @throws SinkFailure when it can't be read or is empty */
  async value(): Promise<string> {
    const { secret, file = '', environment } = this.reference;
    try {
      if (environment !== undefined) return nonEmpty(this.environment[environment]);
      if (secret !== undefined) return nonEmpty((await this.secrets.read(secret)).value);
      return nonEmpty(await readFile(file, 'utf8'));
    } catch (error) {
      throw new SinkFailure('refused', `the credential can not be read: ${reasonOf(error)}`);
    }
  }

  /** @throws SinkFailure, also when it has characters that no header may have */
  async headerValue(): Promise<string> {
    const value = await this.value();
    if (/^[\x20-\x7e]+$/.test(value)) return value;
    throw new SinkFailure('refused', 'the credential has characters that no HTTP header may have');
  }

  /** After a refusal: the next call of `value` gets the newest version of a secret. */
  async renew(): Promise<void> {
    const { secret } = this.reference;
    if (secret !== undefined) await this.secrets.reread(secret).catch(() => undefined);
  }
}

function nonEmpty(text = ''): string {
  const trimmed = text.trim();
  if (trimmed === '') throw new Error('it is empty');
  return trimmed;
}

/** Of a file the code only: its path is known from the configuration. Of a secret its name as well. */
function reasonOf(error: unknown): string {
  const isOfFile = error instanceof Error && !(error instanceof ServiceError);
  return isOfFile && 'code' in error && typeof error.code === 'string'
    ? error.code
    : explain(error);
}
