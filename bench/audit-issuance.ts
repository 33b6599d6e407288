import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import type { ApiProcess } from '../apps/local/src/api-process.js';
import { type TestCluster } from '#libs/platform/testing';
import { Service } from '../test/support/service.js';
import { median, type PartReport, spread } from './audit-report.js';

const turns = 7;
const clients = 128;
const people = 256;
const goal = 0.15;

interface Answer {
  readonly token: string;
  readonly auditEntry: { readonly id: string; readonly index: number };
}

/** Tokens per second over HTTP, in turns with the same api answering without recording. */
export async function measureIssuance(
  cluster: TestCluster,
  tokensPerTurn: number,
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
    const audited = await service.addApi({}, fileOf('../apps/api/src/main.js'));
    const unaudited = await service.addApi({}, fileOf('./api-without-audit.js'));
    const bearers = await Promise.all(
      Array.from({ length: people }, async () => {
        const oid = randomUUID();
        return service.emulator.control.mintToken({ person: 'alice', claims: { oid, sub: oid } });
      }),
    );
    const issued: Answer[] = [];
    for (let round = 0; round < 1; round += 1) {
      issued.push(...(await issue(audited, bearers, tokensPerTurn)).answers);
      await issue(unaudited, bearers, tokensPerTurn);
    }
    const rates = { audited: [] as number[], unaudited: [] as number[], ratio: [] as number[] };
    const before = await recorded(service);
    const since = issued.length;
    for (let turn = 0; turn < turns; turn += 1) {
      // Who goes first takes turns as well.
      const order = turn % 2 === 0 ? [audited, unaudited] : [unaudited, audited];
      const rate = new Map<ApiProcess, number>();
      for (const api of order) {
        const { answers, perSecond } = await issue(api, bearers, tokensPerTurn);
        rate.set(api, perSecond);
        if (api === audited) issued.push(...answers);
      }
      const [ours = NaN, theirs = NaN] = [rate.get(audited), rate.get(unaudited)];
      rates.audited.push(ours);
      rates.unaudited.push(theirs);
      rates.ratio.push(ours / theirs);
    }
    if ((await recorded(service)) - before !== issued.length - since) {
      throw new Error('issuances and entries are not as many');
    }
    await assertRecorded(service, issued);
    const cost = 1 - median(rates.ratio);
    return {
      title: 'What auditing costs an issuance',
      how: `\`POST /v1/me/tokens\` for people who have their identity, ${clients} clients, each waiting for its answer; the whole api (sign-in checked, policy, mapping, request budget, call to the ACS emulator without latency) against the same api whose audit trail answers with a receipt and records nothing. Two processes on one database, ${turns} turns of ${tokensPerTurn} tokens each; medians (lowest to highest). Every token of the first was found in the log under the id and index that its answer named.`,
      figures: [
        { what: 'tokens per second, audited', measured: spread(rates.audited) },
        { what: 'tokens per second, not recorded', measured: spread(rates.unaudited) },
        {
          what: 'throughput given for auditing',
          measured: `${(cost * 100).toFixed(1)} %`,
          goal: { text: 'at most 15 %', isMet: cost <= goal },
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
  const pool = new Pool(api.url, { connections: clients });
  const answers: Answer[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
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
  if (missing.length > 0) throw new Error('a token was answered without its audit entry');
}

function fileOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
