import { randomUUID } from 'node:crypto';
import { SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import type { Service } from '../../support/service.js';
import { sendRequest } from './request.js';

const EXCHANGE = '/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30';

interface AssignedPerson {
  readonly entraToken: string;
  /** That ACS gave for the Entra token before the mass revocation. */
  readonly old: string;
}

/** People with a Teams Phone assignment, who have exchanged a token under it. */
export class AssignedPeople {
  private constructor(
    private readonly service: Service,
    private readonly people: readonly AssignedPerson[],
  ) {}

  static async of(service: Service, count: number, url: string): Promise<AssignedPeople> {
    const { control } = service.emulator;
    const operator = await service.token('ada');
    const people: AssignedPerson[] = [];
    for (let nth = 0; nth < count; nth += 1) {
      const objectId = randomUUID();
      const path = `/v1/teams-phone/assignments/${SAMPLE_TENANTS.home.id}/${objectId}`;
      const body = { principalType: 'user' };
      await sendRequest(url, { method: 'PUT', path, token: operator, body });
      const entraToken = await control.mintToken({
        person: 'alice',
        resource: 'teams',
        claims: { oid: objectId },
        expiresInSeconds: 6 * 3_600,
      });
      people.push({ entraToken, old: await exchanged(url, entraToken) });
    }
    return new AssignedPeople(service, people);
  }

  /** @returns what is wrong after the mass revocation */
  async check(url: string): Promise<readonly string[]> {
    const { control } = this.service.emulator;
    const failures: string[] = [];
    for (const { entraToken, old } of this.people) {
      if ((await control.validateAcsToken(old)).valid) failures.push('an exchanged token lives on');
      const next = await exchanged(url, entraToken);
      if (!(await control.validateAcsToken(next)).valid) failures.push('a new exchange is in vain');
    }
    return failures;
  }
}

/** @throws Error when the exchange is refused */
async function exchanged(url: string, token: string): Promise<string> {
  const request = { method: 'POST', path: EXCHANGE, token, body: {} } as const;
  const { status, text } = await sendRequest(url, request);
  if (status !== 200) throw new Error(`an exchange was answered ${status}: ${text}`);
  return (JSON.parse(text) as { accessToken: { token: string } }).accessToken.token;
}
