import type { AcsAssignment } from '../acs/assignments.js';
import type { AcsIdentity } from '../acs/identities.js';
import type { AcsTokenState } from '../acs/acs-tokens.js';
import type { AcsSettings, AcsSettingsChange } from '../acs/settings.js';
import type { MintRequest } from '../entra/mint.js';
import type { Fault, FaultRequest } from '../faults.js';
import type { JournalEntry, JournalQuery } from '../journal.js';

/** A client of the control API, for this or another process. */
export class ControlClient {
  /** @param url the `controlUrl` of an emulator, without a trailing slash. */
  constructor(private readonly url: string) {}

  async mintToken(request: MintRequest = {}): Promise<string> {
    const { token } = await this.#call<{ token: string }>('POST', '/control/tokens', request);
    return token;
  }

  /** @returns the kid of the new current key. */
  async rotateKeys(request: { readonly retireOld?: boolean } = {}): Promise<string> {
    const { kid } = await this.#call<{ kid: string }>('POST', '/control/keys/rotate', request);
    return kid;
  }

  /** @returns the id for `removeFaults`. */
  async addFault(fault: FaultRequest): Promise<string> {
    const { id } = await this.#call<{ id: string }>('POST', '/control/faults', fault);
    return id;
  }

  async listFaults(): Promise<Fault[]> {
    return (await this.#call<{ faults: Fault[] }>('GET', '/control/faults')).faults;
  }

  /** @param id default: all faults. */
  async removeFaults(id?: string): Promise<void> {
    await this.#call('DELETE', id === undefined ? '/control/faults' : `/control/faults/${id}`);
  }

  async listIdentities(): Promise<AcsIdentity[]> {
    const path = '/control/identities';
    return (await this.#call<{ identities: AcsIdentity[] }>('GET', path)).identities;
  }

  async listAssignments(): Promise<AcsAssignment[]> {
    const path = '/control/assignments';
    return (await this.#call<{ assignments: AcsAssignment[] }>('GET', path)).assignments;
  }

  async readJournal(query: JournalQuery = {}): Promise<JournalEntry[]> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value));
    }
    const path = `/control/journal?${search.toString()}`;
    return (await this.#call<{ entries: JournalEntry[] }>('GET', path)).entries;
  }

  async changeAcs(change: AcsSettingsChange): Promise<AcsSettings> {
    return this.#call<AcsSettings>('PUT', '/control/acs', change);
  }

  async validateAcsToken(token: string): Promise<AcsTokenState> {
    return this.#call<AcsTokenState>('POST', '/control/acs/validate', { token });
  }

  /** Invalidates all tokens issued with the old key. The vault keeps the old connection string. */
  async regenerateAcsKey(
    request: { readonly resource?: string; readonly key?: 'primary' | 'secondary' } = {},
  ): Promise<{ accessKey: string; connectionString?: string }> {
    return this.#call('POST', '/control/acs/keys/regenerate', request);
  }

  /** Sets the number of transactions that the vault allows per window. Default window: 10 seconds. */
  async changeKeyVault(change: {
    readonly limit: number;
    readonly windowSeconds?: number;
  }): Promise<void> {
    await this.#call('PUT', '/control/key-vault', change);
  }

  /** @returns the id of the new version. */
  async setSecret(secret: {
    readonly name: string;
    readonly value: string;
    readonly contentType?: string;
    readonly enabled?: boolean;
    readonly expiresAt?: string;
    readonly notBefore?: string;
  }): Promise<string> {
    const path = '/control/key-vault/secrets';
    return (await this.#call<{ version: string }>('PUT', path, secret)).version;
  }

  /** Adds users of Graph with their open extensions, or replaces those with the same ids. */
  async setGraphUsers(
    users: readonly {
      readonly id: string;
      /** Default: the home tenant. */
      readonly tenant?: string;
      readonly extensions?: Readonly<Record<string, object>>;
    }[],
  ): Promise<void> {
    await this.#call('PUT', '/control/graph/users', { users });
  }

  /** Removes faults, journal entries, Graph users, changed settings and used-up limits, and optionally identities and assignments. */
  async reset(request: { readonly identities?: boolean } = {}): Promise<void> {
    await this.#call('POST', '/control/reset', request);
  }

  async #call<Result>(method: string, path: string, body?: object): Promise<Result> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} returned ${response.status}: ${text}`);
    // The server is of the same build; its specs check these shapes.
    return (text === '' ? undefined : JSON.parse(text)) as Result;
  }
}
