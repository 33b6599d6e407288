import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { quoted } from './shell-quote.js';
import { isAlive } from './is-alive.js';
import { LocalLock } from './local-lock.js';
import { DEFAULT_PORTS, type LocalPorts } from './local-ports.js';
import { readJson } from './read-json.js';
import { replaceFile } from './replace-file.js';

/** `.local/environment.json`: what a script needs to call the running environment. Scripts rely on it. */
export interface LocalEnvironment {
  readonly apiUrl: string;
  /** The sample page. */
  readonly sampleUrl: string;
  /** The auditors' console. */
  readonly consoleUrl: string;
  readonly emulator: {
    readonly entra: string;
    /** For browsers: without TLS. */
    readonly entraHttp: string;
    readonly acs: string;
    readonly keyVault: string;
    readonly control: string;
  };
  readonly caFile: string;
  /** Address for the service's own role. */
  readonly databaseUrl: string;
  readonly tenantId: string;
  readonly apiAudience: string;
  /** The process of `npm start`. */
  readonly processId: number;
}

const environmentShape = z.looseObject({
  processId: z.int(),
  emulator: z.looseObject({ control: z.url() }),
});
/** A newer release may have more. */
const portsShape = z.object({
  entra: z.int(),
  acs: z.int(),
  acsSecond: z.int(),
  keyVault: z.int(),
  managedIdentity: z.int(),
  control: z.int(),
  postgres: z.int(),
  // Absent in the files of older releases.
  sample: z.int().default(DEFAULT_PORTS.sample),
  entraHttp: z.int().default(DEFAULT_PORTS.entraHttp),
});
const passwordsShape = z.strictObject({
  superuser: z.string(),
  owner: z.string(),
  service: z.string(),
});

/** Of a file that the next start writes again. */
const DELETE_IT = 'delete it, and start again';

export type Passwords = z.output<typeof passwordsShape>;

/** The folder `.local/`, which holds all files of the local environment. */
export class LocalFolder {
  /** @param path absolute; npm runs scripts in the project's folder */
  constructor(readonly path = join(process.cwd(), '.local')) {}

  get postgres(): string {
    return join(this.path, 'postgres');
  }

  get emulator(): string {
    return join(this.path, 'emulator');
  }

  /** Where people sign in to the console. */
  get consoleProviders(): string {
    return join(this.path, 'console-providers.json');
  }

  /** What the api has printed since the last start, at every level. */
  get apiLog(): string {
    return join(this.path, 'api.log');
  }

  /**
   * Claims the folder for this process, and ends what a killed process left.
   *
   * @throws when another process has claimed it
   */
  async lock(): Promise<LocalLock> {
    await mkdir(this.path, { recursive: true });
    return LocalLock.take(join(this.path, 'lock'));
  }

  /** The ports of the last start. */
  async readPorts(): Promise<LocalPorts> {
    return (await readJson(this.#portsFile, portsShape, DELETE_IT)) ?? DEFAULT_PORTS;
  }

  async writePorts(ports: LocalPorts): Promise<void> {
    const stored = await readJson(this.#portsFile, z.unknown(), DELETE_IT);
    if (isDeepStrictEqual(stored, ports)) return;
    await replaceFile(this.#portsFile, `${JSON.stringify(ports, null, 2)}\n`);
  }

  /** The passwords of the embedded database. Created at the first start. */
  async passwords(): Promise<Passwords> {
    const file = join(this.path, 'passwords.json');
    await mkdir(this.path, { recursive: true });
    const remedy = `restore it, or delete the folder to begin again (rm -r ${relative(process.cwd(), this.path)})`;
    const stored = await readJson(file, passwordsShape, remedy);
    if (stored) return stored;
    const created = { superuser: password(), owner: password(), service: password() };
    await replaceFile(file, JSON.stringify(created), 0o600);
    return created;
  }

  /** @returns `undefined` when no environment is running */
  async readEnvironment(): Promise<z.output<typeof environmentShape> | undefined> {
    const environment = await readJson(this.#environmentFile, environmentShape, DELETE_IT);
    return environment && isAlive(environment.processId) ? environment : undefined;
  }

  async writeEnvironment(environment: LocalEnvironment): Promise<void> {
    await replaceFile(this.#environmentFile, `${JSON.stringify(environment, null, 2)}\n`, 0o600);
  }

  /** Writes the variables of the running api for a shell, so that commands work with the same service. */
  async writeApiVariables(variables: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}\n`);
    await replaceFile(this.#apiVariablesFile, lines.join(''), 0o600);
  }

  async removeEnvironment(): Promise<void> {
    await rm(this.#environmentFile, { force: true });
    await rm(this.#apiVariablesFile, { force: true });
  }

  get #portsFile(): string {
    return join(this.path, 'ports.json');
  }

  get #apiVariablesFile(): string {
    return join(this.path, 'api.env');
  }

  get #environmentFile(): string {
    return join(this.path, 'environment.json');
  }
}

function password(): string {
  return randomBytes(18).toString('hex');
}
