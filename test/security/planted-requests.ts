import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { neverIssuedToken } from '../support/never-issued-token.js';
import type { PlantedValues } from '../support/planted-values.js';
import type { SampleCaller, Service } from '../support/service.js';
import type { IssuedToken } from '../support/tokens-api.js';
import { until } from '../support/until.js';

interface Sent {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as it is. */
  readonly body?: unknown;
}

/**
 * Tokens, refusals, erasures, faults and rotations, with a planted value in every place where a caller, an
 * administrator or a dependency can put one.
 */
export class PlantedRequests {
  constructor(
    private readonly service: Service,
    private readonly url: string,
    private readonly planted: PlantedValues,
  ) {}

  async #send(method: string, path: string, { token, headers, body }: Sent = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: text }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async #tokenOf(who: SampleCaller): Promise<string> {
    return this.planted.add(`the Entra token of ${who}`, await this.service.token(who));
  }

  async #issue(token: string, body: unknown = {}): Promise<number> {
    const { status, text } = await this.#send('POST', '/v1/me/tokens', { token, body });
    if (status !== 200) return status;
    const { token: issued, identity } = JSON.parse(text) as IssuedToken;
    this.planted.add('a token of ACS', issued);
    this.planted.add('an ACS identity', identity.communicationUserId);
    return status;
  }

  /** Claims of a person, all of which somebody chooses. */
  #claims(more: object = {}): Record<string, unknown> {
    const names = ['name', 'given_name', 'family_name', 'nickname', 'verified_primary_email'];
    return {
      ...Object.fromEntries(names.map((name) => [name, this.planted.person(`the claim ${name}`)])),
      ...Object.fromEntries(
        ['preferred_username', 'upn', 'email', 'unique_name', 'login_hint'].map((name) => [
          name,
          this.planted.email(`the claim ${name}`),
        ]),
      ),
      ...more,
    };
  }

  async #mint(more: object = {}): Promise<string> {
    const { control } = this.service.emulator;
    return this.planted.add(
      'a minted token',
      await control.mintToken({ person: 'alice', claims: this.#claims(more) }),
    );
  }

  async useTokens(): Promise<void> {
    const token = await this.#mint({ oid: randomUUID() });
    expect(await this.#issue(token)).toBe(200);
    expect(await this.#issue(token)).toBe(200); // reused
    await this.#send('POST', '/v1/me/tokens/revoke', { token });
    const teams = await this.service.emulator.control.mintToken({
      person: 'alice',
      resource: 'teams',
    });
    const body = { teamsUserToken: this.planted.add('a Teams token', teams) };
    const alice = await this.#tokenOf('alice');
    for (let n = 0; n < 2; n += 1)
      await this.#send('POST', '/v1/me/teams-tokens', { token: alice, body });
    expect(await this.#issue(alice)).toBe(200);
    const bot = await this.#tokenOf('support-bot');
    expect([await this.#issue(bot), await this.#issue(bot)]).toEqual([200, 429]);
    await this.#send('POST', '/v1/me/tokens', {
      token: await this.#tokenOf('bob'),
      headers: { 'x-request-id': 'order-4711' },
      body: { scopes: ['chat'] },
    });
  }

  /** Values in every part of a request, with a token and without one. */
  async sendHostileRequests(): Promise<void> {
    const names = ['user-agent', 'referer', 'cookie', 'accept-language', 'if-match', 'forwarded'];
    const more = ['x-ms-client-principal-name', 'proxy-authorization', 'x-api-key', 'from'];
    const headers = {
      ...Object.fromEntries(
        [...names, ...more].map((name) => [name, this.planted.secret(`header ${name}`)]),
      ),
      'x-request-id': this.planted.email('the request id'),
      'x-forwarded-for': this.planted.add('the address', '198.51.100.77'),
      baggage: `user=${this.planted.person('baggage')}`,
      tracestate: `v=${this.planted.person('tracestate')}`,
      traceparent: `00-${this.planted.person('traceparent')}`,
      'x-ms-client-principal': this.planted.secret('the principal of a platform'),
    };
    const token = await this.#mint();
    const unknownName = this.planted.person('the name of a member');
    for (const sent of [{ headers, token }, { headers }]) {
      await this.#send(
        'POST',
        `/v1/me/tokens?${this.planted.person('query')}=${this.planted.secret('query')}`,
        {
          ...sent,
          body: {
            [unknownName]: this.planted.secret('an unknown member'),
            scopes: [this.planted.secret('scope')],
          },
        },
      );
      await this.#send('GET', `/v1/identities/${this.planted.person('path')}`, sent);
      await this.#send('GET', `/${this.planted.email('an unknown path')}`, sent);
      await this.#send('POST', '/v1/me/tokens', {
        ...sent,
        body: `{"x": ${this.planted.person('no JSON')}`,
      });
      await this.#send('DELETE', `/v1/me/tokens/${this.planted.secret('an unknown method')}`, sent);
    }
  }

  async refuse(): Promise<void> {
    const { control } = this.service.emulator;
    const basic = Buffer.from(`petra:${this.planted.secret('basic password')}`).toString('base64');
    const schemes = [
      `Basic ${this.planted.add('basic', basic)}`,
      `Bearer ${this.planted.secret('opaque')}`,
    ];
    for (const authorization of [...schemes, this.planted.secret('no scheme')])
      await this.#send('POST', '/v1/me/tokens', { headers: { authorization }, body: {} });
    const hostile = { aud: this.planted.email('aud'), ver: this.planted.email('ver') };
    for (const [name, value] of Object.entries(hostile))
      await this.#issue(await this.#mint({ [name]: value }));
    await this.#issue(
      await this.#mint({ iss: `https://${this.planted.email('iss')}/v2.0`, tid: randomUUID() }),
    );
    await this.#issue(
      await this.#mint({ roles: [this.planted.person('roles')], scp: this.planted.person('scp') }),
    );
    for (const sign of ['unknown', 'none'] as const)
      await this.#issue(await control.mintToken({ person: 'alice', claims: this.#claims(), sign }));
    await this.#issue(await control.mintToken({ person: 'alice', expiresInSeconds: -7_200 }));
    await this.#issue(await this.#tokenOf('mallory'));
    await this.#send('GET', '/v1/identities', { token: await this.#tokenOf('alice') });
  }

  async administer(): Promise<void> {
    const ada = await this.#tokenOf('ada');
    const subject = this.planted.email('the subject of an administrator');
    const created = await this.#send('POST', '/v1/identities', {
      token: ada,
      body: { kind: 'user', subject, displayName: this.planted.person('a display name') },
    });
    const { id } = JSON.parse(created.text) as { readonly id: string };
    const patch = { token: ada, headers: { 'if-match': '"1"' } };
    await this.#send('PATCH', `/v1/identities/${id}`, {
      ...patch,
      body: { displayName: this.planted.person('a new display name'), status: 'suspended' },
    });
    await this.#send('GET', `/v1/identities?kind=user&subject=${subject}`, { token: ada });
    await this.#send('POST', '/v1/identities/import', {
      token: ada,
      headers: { 'content-type': 'application/x-ndjson' },
      body: `{"kind":"user","subject":"${this.planted.email('an import')}"}\n${this.planted.person('no line')}\n`,
    });
    const grace = await this.#tokenOf('grace');
    const trace = { token: this.planted.add('a leaked token', neverIssuedToken()) };
    await this.#send('POST', '/v1/audit/trace', { token: grace, body: trace });
    await this.#send('GET', `/v1/audit/entries?actorSubject=${subject}`, { token: grace });
    await this.#send('GET', `/v1/audit/entries?cursor=${this.planted.secret('a cursor')}`, {
      token: grace,
    });
    const erasure = {
      tenant: SAMPLE_TENANTS.home.id,
      subject,
      reason: this.planted.person('the reason of an erasure'),
    };
    for (const [path, who] of [
      ['/v1/audit/erase', 'erin'],
      ['/v1/identities/erase', 'ada'],
    ] as const)
      await this.#send('POST', path, { token: await this.#tokenOf(who), body: erasure });
  }

  /** Each dependency answers with values of its own: in errors, in headers, in what should be an answer. */
  async breakUpstreams(): Promise<void> {
    const { control } = this.service.emulator;
    const values = (place: string): Record<string, unknown> => ({
      error: {
        code: this.planted.person(`the code of ${place}`),
        message: `${this.planted.email(`the message of ${place}`)} ${this.planted.secret(place)}`,
        innererror: { code: this.planted.secret(`the inner code of ${place}`) },
      },
      error_description: `AADSTS50034: ${this.planted.email(`the description of ${place}`)}`,
    });
    const headersOf = (place: string) => ({
      'ms-cv': this.planted.person(`ms-cv of ${place}`),
      'x-ms-request-id': this.planted.person(`x-ms-request-id of ${place}`),
      'retry-after': this.planted.person(`retry-after of ${place}`),
    });
    const faults = [
      { kind: 'status', status: 400 },
      { kind: 'status', status: 401 },
      { kind: 'status', status: 404 },
      { kind: 'status', status: 500 },
      { kind: 'malformed' },
    ] as const;
    for (const fault of faults) {
      const place = `ACS (${fault.kind} ${'status' in fault ? fault.status : ''})`;
      const text = `<html>${this.planted.email(`a page of ${place}`)}`;
      for (const body of [values(place), text]) {
        const sent = { service: 'acs', operation: '*', body, headers: headersOf(place) } as const;
        await control.addFault({ ...fault, ...sent });
        await this.#issue(await this.#mint({ oid: randomUUID() }));
        await control.removeFaults();
      }
    }
    for (const fault of [{ kind: 'status', status: 403 }, { kind: 'malformed' }] as const) {
      const place = `Entra ID (${fault.kind})`;
      await control.addFault({ ...fault, service: 'entra', operation: '*', body: values(place) });
      await this.#issue(await control.mintToken({ person: 'alice', sign: 'unknown' }));
      await control.removeFaults();
    }
  }

  async rotateKeys(): Promise<void> {
    const { control } = this.service.emulator;
    const { connectionString = '' } = await control.regenerateAcsKey();
    const name = 'acs-connection-string';
    // Key Vault fails first, then has a version that is no credential, then the good one.
    const place = 'Key Vault';
    const body = {
      error: { code: this.planted.secret(place), message: this.planted.email(place) },
    };
    const fault = { service: 'key-vault', operation: '*', kind: 'status' } as const;
    await control.addFault({ ...fault, status: 403, body });
    await this.#issue(await this.#mint({ oid: randomUUID() }));
    await control.removeFaults();
    await control.setSecret({ name, value: this.planted.secret('a malformed credential') });
    await this.#issue(await this.#mint({ oid: randomUUID() }));
    await control.setSecret({ name, value: this.planted.add('the new key', connectionString) });
    await control.rotateKeys();
    await until('tokens are issued with the new keys', 30_000, async () => {
      const status = await this.#issue(await this.#mint({ oid: randomUUID() }));
      return status === 200;
    });
  }

  /** The database refuses a row, with the row in its message. */
  async breakTheDatabase(): Promise<void> {
    await this.service.rows(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE invalid_text_representation
        USING MESSAGE = format('invalid input for "%s"', NEW.subject), DETAIL = NEW.subject;
      END $$`);
    await this.service.rows(
      'CREATE TRIGGER refuse BEFORE INSERT ON mapping FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    const { status } = await this.#send('POST', '/v1/identities', {
      token: await this.#tokenOf('ada'),
      body: { kind: 'user', subject: this.planted.email('the message of PostgreSQL') },
    });
    expect(status).toBeGreaterThanOrEqual(500);
  }
}
