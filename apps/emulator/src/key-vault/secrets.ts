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
const deletedSchema = z.array(
  z.strictObject({ name: z.string(), versions: z.array(versionSchema), deletedAt: z.int() }),
);
const FILE = 'key-vault.json';
const DELETED_FILE = 'key-vault-deleted.json';

export type SecretVersion = z.output<typeof versionSchema>;
export type NewSecret = Pick<
  SecretVersion,
  'value' | 'contentType' | 'tags' | 'notBefore' | 'expires'
> & { enabled?: boolean | undefined };
export type SecretChange = Partial<
  Pick<SecretVersion, 'contentType' | 'tags' | 'enabled' | 'notBefore' | 'expires'>
>;

/** A secret with its versions, newest last. */
export interface StoredSecret {
  /** In the capitals in which it was first set. */
  readonly name: string;
  readonly versions: readonly SecretVersion[];
}

/** A secret that can be recovered. */
export interface DeletedSecret extends StoredSecret {
  /** Unix seconds. */
  readonly deletedAt: number;
}

/** The secrets of the vault, and the deleted ones. Names are the same in capitals. */
export class VaultSecrets {
  readonly #secrets: Map<string, StoredSecret>;
  readonly #deleted: Map<string, DeletedSecret>;

  /** @param folder stores the secrets between starts. Absent: memory only. */
  constructor(private readonly folder: StateFolder | undefined) {
    const stored = Object.entries(folder?.readJson(FILE, storedSchema) ?? {});
    this.#secrets = byName(stored.map(([name, versions]) => ({ name, versions })));
    this.#deleted = byName(folder?.readJson(DELETED_FILE, deletedSchema) ?? []);
  }

  all(): readonly StoredSecret[] {
    return [...this.#secrets.values()];
  }

  /** @returns `undefined` for an unknown name. */
  get(name: string): StoredSecret | undefined {
    return this.#secrets.get(name.toLowerCase());
  }

  /** A deleted secret of the name is purged. */
  set(name: string, { enabled = true, ...secret }: NewSecret): SecretVersion {
    const now = nowSeconds();
    const added: SecretVersion = {
      version: randomBytes(16).toString('hex'),
      enabled,
      created: now,
      updated: now,
      ...secret,
    };
    this.#deleted.delete(name.toLowerCase());
    this.#put({ name, ...this.get(name), versions: [...this.versions(name), added] });
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
    return versions.find((known) => known.version === version.toLowerCase());
  }

  versions(name: string): readonly SecretVersion[] {
    return this.get(name)?.versions ?? [];
  }

  change(name: string, version: string, change: SecretChange): SecretVersion | undefined {
    const secret = this.get(name);
    const old = this.find(name, version);
    if (secret === undefined || old === undefined) return undefined;
    const changed = { ...old, ...change, updated: nowSeconds() };
    const versions = secret.versions.map((known) => (known === old ? changed : known));
    this.#put({ ...secret, versions });
    return changed;
  }

  /** @returns `undefined` for an unknown name. */
  delete(name: string): DeletedSecret | undefined {
    const secret = this.get(name);
    if (secret === undefined) return undefined;
    const deleted = { ...secret, deletedAt: nowSeconds() };
    this.#secrets.delete(name.toLowerCase());
    this.#deleted.set(name.toLowerCase(), deleted);
    this.#store();
    return deleted;
  }

  deleted(): readonly DeletedSecret[] {
    return [...this.#deleted.values()];
  }

  /** @returns `undefined` when no secret of the name is deleted. */
  findDeleted(name: string): DeletedSecret | undefined {
    return this.#deleted.get(name.toLowerCase());
  }

  /** Makes a deleted secret, or one out of a backup, available with all its versions. */
  restore({ name, versions }: StoredSecret): void {
    this.#deleted.delete(name.toLowerCase());
    this.#put({ name, versions });
  }

  purge(name: string): void {
    this.#deleted.delete(name.toLowerCase());
    this.#store();
  }

  #put(secret: StoredSecret): void {
    this.#secrets.set(secret.name.toLowerCase(), secret);
    this.#store();
  }

  #store(): void {
    const live = this.all().map(({ name, versions }) => [name, versions] as const);
    this.folder?.write(FILE, JSON.stringify(Object.fromEntries(live)));
    this.folder?.write(DELETED_FILE, JSON.stringify(this.deleted()));
  }
}

/** The content of a backup, which only this kind of vault can read. @returns `undefined` if malformed */
export function parseBackup(blob: string): StoredSecret | undefined {
  try {
    const schema = z.strictObject({ name: z.string(), versions: z.array(versionSchema).min(1) });
    return schema.parse(JSON.parse(Buffer.from(blob, 'base64url').toString()));
  } catch {
    return undefined;
  }
}

export function toBackup({ name, versions }: StoredSecret): string {
  return Buffer.from(JSON.stringify({ name, versions })).toString('base64url');
}

function byName<Secret extends StoredSecret>(secrets: readonly Secret[]): Map<string, Secret> {
  return new Map(secrets.map((secret) => [secret.name.toLowerCase(), secret]));
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
