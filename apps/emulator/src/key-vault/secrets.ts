import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';

const versionSchema = z.strictObject({
  version: z.string(),
  value: z.string(),
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  enabled: z.boolean(),
  /** Unix seconds, as are the other instants. */
  created: z.int(),
  updated: z.int(),
  notBefore: z.int().optional(),
  expires: z.int().optional(),
});
const storedSchema = z.record(z.string(), z.array(versionSchema));
const FILE = 'key-vault.json';

export type SecretVersion = z.output<typeof versionSchema>;
export type NewSecret = Pick<
  SecretVersion,
  'value' | 'contentType' | 'tags' | 'notBefore' | 'expires'
> & { enabled?: boolean | undefined };
export type SecretChange = Partial<
  Pick<SecretVersion, 'contentType' | 'tags' | 'enabled' | 'notBefore' | 'expires'>
>;

/** The secrets of the vault with their versions, newest last. */
export class VaultSecrets {
  readonly #secrets: Map<string, SecretVersion[]>;

  /** @param folder stores the secrets between starts. Absent: memory only. */
  constructor(private readonly folder: StateFolder | undefined) {
    this.#secrets = new Map(Object.entries(folder?.readJson(FILE, storedSchema) ?? {}));
  }

  set(name: string, { enabled = true, ...secret }: NewSecret): SecretVersion {
    const now = Math.floor(Date.now() / 1000);
    const added: SecretVersion = {
      version: randomBytes(16).toString('hex'),
      enabled,
      created: now,
      updated: now,
      ...secret,
    };
    this.#secrets.set(name, [...this.versions(name), added]);
    this.#store();
    return added;
  }

  /** Sets the secret unless its newest version has this value. */
  ensure(name: string, value: string): void {
    if (this.find(name)?.value !== value) this.set(name, { value });
  }

  /** Sets the secret unless it exists. */
  ensurePresent(name: string, makeValue: () => string): void {
    if (this.find(name) === undefined) this.set(name, { value: makeValue() });
  }

  /** @param version default: the newest. */
  find(name: string, version?: string): SecretVersion | undefined {
    const versions = this.versions(name);
    if (version === undefined) return versions.at(-1);
    return versions.find((known) => known.version === version);
  }

  versions(name: string): readonly SecretVersion[] {
    return this.#secrets.get(name) ?? [];
  }

  change(name: string, version: string, change: SecretChange): SecretVersion | undefined {
    const old = this.find(name, version);
    if (old === undefined) return undefined;
    const changed = { ...old, ...change, updated: Math.floor(Date.now() / 1000) };
    this.#secrets.set(
      name,
      this.versions(name).map((known) => (known === old ? changed : known)),
    );
    this.#store();
    return changed;
  }

  #store(): void {
    this.folder?.write(FILE, JSON.stringify(Object.fromEntries(this.#secrets)));
  }
}
