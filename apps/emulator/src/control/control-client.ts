import type { AcsIdentity } from '../acs/identities.js';
import type { AcsTokenState } from '../acs/acs-tokens.js';
import type { AcsSettings, AcsSettingsChange } from '../acs/settings.js';
import type { MintRequest } from '../entra/mint.js';
import type { Fault, FaultRequest } from '../faults.js';
import type { JournalEntry, JournalQuery } from '../journal.js';

/** The control API from the caller's side, in this process or another. */
export class ControlClient {
  /** @param url of the control API, without a trailing slash. */
  constructor(private readonly url: string) {}

  async mintToken(request: MintRequest = {}): Promise<string> {
    const { token } = await this.call<{ token: string }>('POST', '/control/tokens', request);
    return token;
  }

  /** @returns the kid of the new current key. */
  async rotateKeys(request: { readonly retireOld?: boolean } = {}): Promise<string> {
    const { kid } = await this.call<{ kid: string }>('POST', '/control/keys/rotate', request);
    return kid;
  }

  /** @returns the id by which it can be removed. */
  async addFault(fault: FaultRequest): Promise<string> {
    const { id } = await this.call<{ id: string }>('POST', '/control/faults', fault);
    return id;
  }

  async listFaults(): Promise<Fault[]> {
    return (await this.call<{ faults: Fault[] }>('GET', '/control/faults')).faults;
  }

  /** @param id default all of them. */
  async removeFaults(id?: string): Promise<void> {
    await this.call('DELETE', id === undefined ? '/control/faults' : `/control/faults/${id}`);
  }

  async listIdentities(): Promise<AcsIdentity[]> {
    const answer = await this.call<{ identities: AcsIdentity[] }>('GET', '/control/identities');
    return answer.identities;
  }

  async readJournal(query: JournalQuery = {}): Promise<JournalEntry[]> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value));
    }
    const path = `/control/journal?${search.toString()}`;
    return (await this.call<{ entries: JournalEntry[] }>('GET', path)).entries;
  }

  async changeAcs(change: AcsSettingsChange): Promise<AcsSettings> {
    return this.call<AcsSettings>('PUT', '/control/acs', change);
  }

  async validateAcsToken(token: string): Promise<AcsTokenState> {
    return this.call<AcsTokenState>('POST', '/control/acs/validate', { token });
  }

  /** Every token made with the old key dies. The vault still holds the old connection string. */
  async regenerateAcsKey(
    request: { readonly resource?: string; readonly key?: 'primary' | 'secondary' } = {},
  ): Promise<{ accessKey: string; connectionString?: string }> {
    return this.call('POST', '/control/acs/keys/regenerate', request);
  }

  /** @param change how many transactions the vault allows; `windowSeconds` is 10 by default. */
  async changeKeyVault(change: {
    readonly limit: number;
    readonly windowSeconds?: number;
  }): Promise<void> {
    await this.call('PUT', '/control/key-vault', change);
  }

  /** @returns the version that was added. */
  async setSecret(secret: {
    readonly name: string;
    readonly value: string;
    readonly contentType?: string;
    readonly enabled?: boolean;
    readonly expiresAt?: string;
    readonly notBefore?: string;
  }): Promise<string> {
    const path = '/control/key-vault/secrets';
    return (await this.call<{ version: string }>('PUT', path, secret)).version;
  }

  /** Drops faults, the journal, changed settings and what counts against limits. */
  async reset(request: { readonly identities?: boolean } = {}): Promise<void> {
    await this.call('POST', '/control/reset', request);
  }

  private async call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    // The emulator of the same build answers; its own tests hold it to these shapes.
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  }
}
