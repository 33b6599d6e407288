import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { Service } from '../../test/support/service.js';
import type { TestCluster } from '#libs/platform/testing';

const CONNECTIONS = 64;
const UNLIMITED = '1000000';

/** A service without api processes, whose callers and ACS have no limits that a measurement would meet. */
export async function startUnlimited(cluster: TestCluster): Promise<Service> {
  return Service.start({
    cluster,
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: {
      LOG_LEVEL: 'info',
      AUTHENTICATION_REQUESTS_PER_MINUTE: UNLIMITED,
      ACS_BUDGET_CREATE: UNLIMITED,
      ACS_BUDGET_ISSUE: UNLIMITED,
      ACS_BUDGET_CREATE_WITH_TOKEN: UNLIMITED,
    },
  });
}

/** Bearer tokens of different people. */
export async function bearers(service: Service, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const oid = randomUUID();
      return service.emulator.control.mintToken({ person: 'alice', claims: { oid, sub: oid } });
    }),
  );
}

/** Connections of which each waits for its token before it requests the next. */
export class TokenCallers {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: CONNECTIONS });
  }

  /** @throws when a token is refused */
  async issue(callers: readonly string[], count: number): Promise<void> {
    let next = 0;
    const connection = async (): Promise<void> => {
      while (next < count) {
        const { statusCode, body } = await this.#pool.request({
          path: '/v1/me/tokens',
          method: 'POST',
          headers: { authorization: `Bearer ${callers[next++ % callers.length] ?? ''}` },
        });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`a token was refused: ${text}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  }
}

/** Successful issuances in the log. */
export async function issuedCount(service: Service): Promise<number> {
  const [row] = await service.rows<{ count: string }>(
    `SELECT count(*) FROM audit_entry WHERE action = 'token.issue' AND outcome = 'success'`,
  );
  return Number(row?.count);
}
