import { beforeAll, describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { Forge, type HostileToken } from './forge.js';
import { hostileClaims } from './hostile-claims.js';
import { hostileHeaders } from './hostile-headers.js';
import { hostileTexts } from './hostile-texts.js';

const classes: Readonly<Record<string, readonly HostileToken[]>> = {
  ...hostileHeaders,
  ...hostileTexts,
  ...hostileClaims,
};
const corpus = Object.entries(classes).flatMap(([kind, tokens]) =>
  tokens.map((token) => ({ ...token, name: `${kind}: ${token.name}` })),
);

const service = runningService({
  environment: {
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    AUTHENTICATION_REFUSAL_WINDOW_SECONDS: '1',
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
  },
});

interface Answer {
  readonly name: string;
  readonly status: number;
  readonly type: string | null;
  readonly challenge: string | null;
  readonly body: Record<string, unknown>;
}

async function send(authorization: string, name = ''): Promise<Answer> {
  const answer = await fetch(`${service().url}/v1/me/tokens`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{}',
  });
  return {
    name,
    status: answer.status,
    type: answer.headers.get('content-type'),
    challenge: answer.headers.get('www-authenticate'),
    body: (await answer.json()) as Record<string, unknown>,
  };
}

/** Number of refusals in the audit log; an entry may count several. */
async function auditedRefusals(): Promise<number> {
  const rows = await service().rows<{ leaf: Buffer }>('SELECT leaf FROM audit_entry');
  const entries = rows.map(
    ({ leaf }) =>
      JSON.parse(leaf.toString('utf8')) as { action: string; details?: { count?: number } },
  );
  return entries
    .filter(({ action }) => action === 'authentication.reject' || action === 'authorization.deny')
    .reduce(
      (sum, { action, details }) =>
        sum + (action === 'authorization.deny' ? 1 : (details?.count ?? 0)),
      0,
    );
}

describe('the corpus of hostile tokens', () => {
  const answers: Answer[] = [];
  let forge: Forge;
  let calls: string[];

  beforeAll(async () => {
    forge = await Forge.open(service().emulator.control);
    expect((await send(`Bearer ${forge.valid}`)).status).toBe(200);
    const made = await Promise.all(
      corpus.map(async ({ name, authorization }) => ({ name, value: await authorization(forge) })),
    );
    const before = Math.max(
      0,
      ...(await service().emulator.control.readJournal()).map(({ sequence }) => sequence),
    );
    for (const { name, value } of made) answers.push(await send(value, name));
    const journal = await service().emulator.control.readJournal({ since: before });
    calls = journal
      .filter(({ service: name }) => name !== 'control')
      .map(({ service: name, path }) => `${name} ${path}`);
  }, 120_000);

  it('has at least 200 tokens with unique names', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(200);
    const names = corpus.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('is refused: every token gets 400, 401 or 403', () => {
    const accepted = answers.filter(({ status }) => ![400, 401, 403].includes(status));
    expect(accepted).toEqual([]);
  });

  it('gets responses of one shape, with a challenge and without a reason', () => {
    const shapes = new Set(
      answers
        .filter(({ body }) => String(body.type).endsWith('invalid-token'))
        .map(({ status, type, challenge, body }) =>
          JSON.stringify({
            status,
            type,
            challenge,
            detail: body.detail,
            members: Object.keys(body),
          }),
        ),
    );
    expect([...shapes]).toHaveLength(1);
    expect(answers.filter(({ challenge }) => !challenge?.startsWith('Bearer realm='))).toEqual([]);
  });

  it('causes no upstream call except for keys of the trusted issuer', () => {
    const unexpected = calls.filter(
      (call) =>
        !/^entra \/[0-9a-f-]+\/(v2\.0\/\.well-known\/openid-configuration|discovery\/v2\.0\/keys)$/.test(
          call,
        ),
    );
    expect(unexpected).toEqual([]);
  });

  it('has an audited or counted refusal for every token', async () => {
    await expect.poll(auditedRefusals).toBe(answers.length);
  });

  it('does not affect valid tokens', async () => {
    expect((await send(`Bearer ${forge.valid}`)).status).toBe(200);
  });
});
