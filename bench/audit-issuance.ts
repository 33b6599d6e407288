import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import type { ApiProcess } from '../apps/local/src/api-process.js';
import { type TestCluster } from '#libs/platform/testing';
import { Service } from '../test/support/service.js';
import { BUNDLE_WITHOUT_AUDIT, bundleWithoutAudit } from './contenders/contenders.js';
import type { PartReport } from './audit-report.js';
import { median, spread } from './figures.js';

const ROUNDS = 7;
const CLIENTS = 128;
const PEOPLE = 256;
const MAX_COST = 0.15;

interface Answer {
  readonly token: string;
  readonly auditEntry: { readonly id: string; readonly index: number };
}

/** Tokens per second over HTTP, alternating with the same api that answers without recording. */
export async function measureIssuance(
  cluster: TestCluster,
  tokensPerRound: number,
): Promise<PartReport> {
  const service = await Service.start({
    cluster,
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: {
      LOG_LEVEL: 'info',
      AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
      ACS_BUDGET_CREATE: '1000000',
      ACS_BUDGET_ISSUE: '1000000',
      ACS_BUDGET_CREATE_WITH_TOKEN: '1000000',
    },
  });
  try {
    await bundleWithoutAudit();
    const audited = await service.addApi();
    const unaudited = await service.addApi({}, BUNDLE_WITHOUT_AUDIT);
    const bearers = await Promise.all(
      Array.from({ length: PEOPLE }, async () => {
        const oid = randomUUID();
        return service.emulator.control.mintToken({ person: 'alice', claims: { oid, sub: oid } });
      }),
    );
    const issued: Answer[] = [];
    // Warm-up: everyone gets an identity.
    issued.push(...(await issue(audited, bearers, tokensPerRound)).answers);
    await issue(unaudited, bearers, tokensPerRound);
    const rates = { audited: [] as number[], unaudited: [] as number[], ratio: [] as number[] };
    const before = await recorded(service);
    const since = issued.length;
    for (let round = 0; round < ROUNDS; round += 1) {
      // The order alternates too.
      const order = round % 2 === 0 ? [audited, unaudited] : [unaudited, audited];
      const rate = new Map<ApiProcess, number>();
      for (const api of order) {
        const { answers, perSecond } = await issue(api, bearers, tokensPerRound);
        rate.set(api, perSecond);
        if (api === audited) issued.push(...answers);
      }
      const [withAudit = NaN, without = NaN] = [rate.get(audited), rate.get(unaudited)];
      rates.audited.push(withAudit);
      rates.unaudited.push(without);
      rates.ratio.push(withAudit / without);
    }
    if ((await recorded(service)) - before !== issued.length - since) {
      throw new Error('the numbers of issuances and of entries differ');
    }
    await assertRecorded(service, issued);
    const cost = 1 - median(rates.ratio);
    return {
      title: 'What auditing costs an issuance',
      how: `\`POST /v1/me/tokens\` for people who have an identity, ${CLIENTS} clients, each waiting for its response; the whole api (token verification, policy, mapping, request budget, call to the ACS emulator without latency) against the same api whose audit trail returns a receipt and records nothing. Bundled as in production, two processes on one database, ${ROUNDS} rounds of ${tokensPerRound} tokens each; medians (lowest to highest). Every audited token was found in the log under the id and index of its response.`,
      figures: [
        { what: 'tokens per second, audited', measured: spread(rates.audited) },
        { what: 'tokens per second, not audited', measured: spread(rates.unaudited) },
        {
          what: 'throughput lost to auditing',
          measured: `${(cost * 100).toFixed(1)} %`,
          goal: { text: 'at most 15 %', isMet: cost <= MAX_COST },
        },
      ],
    };
  } finally {
    await service.stop();
  }
}

async function issue(
  api: ApiProcess,
  bearers: readonly string[],
  count: number,
): Promise<{ answers: Answer[]; perSecond: number }> {
  const pool = new Pool(api.url, { connections: CLIENTS });
  const answers: Answer[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < count) {
        const bearer = bearers[next++ % bearers.length] ?? '';
        const { statusCode, body } = await pool.request({
          path: '/v1/me/tokens',
          method: 'POST',
          headers: { authorization: `Bearer ${bearer}` },
        });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`a token was refused: ${text}`);
        answers.push(JSON.parse(text) as Answer);
      }
    }),
  );
  const perSecond = (count * 1000) / (performance.now() - startedAt);
  await pool.close();
  return { answers, perSecond };
}

async function recorded(service: Service): Promise<number> {
  const [row] = await service.rows<{ entries: string }>(
    `SELECT count(*) AS entries FROM audit_entry WHERE action = 'token.issue' AND outcome = 'success'`,
  );
  return Number(row?.entries);
}

async function assertRecorded(service: Service, issued: readonly Answer[]): Promise<void> {
  const rows = await service.rows<{ entry_index: string; id: string }>(
    'SELECT entry_index, id FROM audit_entry',
  );
  const ids = new Map(rows.map((row) => [Number(row.entry_index), row.id]));
  const missing = issued.filter(({ auditEntry }) => ids.get(auditEntry.index) !== auditEntry.id);
  if (missing.length > 0) throw new Error('a token was issued without its audit entry');
}
