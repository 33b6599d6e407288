import { Client, type ClientConfig } from 'pg';

/** No host of the address takes writes now. Its causes are in the order of the hosts. */
export class NoWritableHost extends AggregateError {
  override readonly name = 'NoWritableHost';
}

const IS_READ_ONLY = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "isReadOnly"`;

/** Finds out which of several hosts takes writes, and remembers it until `forget`. */
export class WritableHost {
  #finding: Promise<ClientConfig> | undefined;

  /**
   * Asks all hosts at once; the first one that answers and takes writes is it.
   *
   * @param hosts with the credentials and the TLS options of a connection
   * @throws NoWritableHost
   */
  async find(hosts: readonly ClientConfig[]): Promise<ClientConfig> {
    this.#finding ??= Promise.any(hosts.map(requireWritable)).catch((error: unknown) => {
      this.#finding = undefined;
      const { errors } = error as AggregateError; // of Promise.any
      throw new NoWritableHost(errors, 'no host of the address takes writes');
    });
    return this.#finding;
  }

  /** The host was lost, or takes no writes any more. */
  forget(): void {
    this.#finding = undefined;
  }
}

async function requireWritable(config: ClientConfig): Promise<ClientConfig> {
  const client = new Client(config);
  client.on('error', () => undefined); // without a listener, a lost connection would end the process
  try {
    await client.connect();
    const { rows } = await client.query<{ isReadOnly: boolean }>(IS_READ_ONLY);
    if (rows[0]?.isReadOnly !== false) {
      throw Object.assign(new Error(`${config.host ?? ''} is read-only`), { code: '25006' });
    }
    return config;
  } finally {
    client.end().catch(() => undefined);
  }
}
