import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SystemClock } from '#libs/platform';
import { ManualClock } from '#libs/platform/testing';
import {
  type GuardedApplication,
  startGuardedApplication,
  MemoryMetadataSource,
  TestIssuer,
  testKey,
} from '#libs/authentication/testing';

const REQUESTS = 2_500;
const WORKERS = 25;
const MINUTE_MS = 60_000;

async function statusOf({ url }: GuardedApplication, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/whoami`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

describe('key rollover', () => {
  it(
    'refuses none of 2,500 requests while keys change twice and tokens with unknown key ids arrive',
    { timeout: 90_000 },
    async () => {
      const application = await startGuardedApplication({
        clock: new SystemClock(),
        environment: {
          AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
          AUTHENTICATION_FAILURES_PER_MINUTE: '0',
          AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
        },
      });
      const issuer = new TestIssuer(() => Date.now());
      const [second, third, unknown] = ['second', 'third', 'unknown'].map((id) => testKey(id));
      issuer.publish(application.source);
      const stop = new AbortController();
      const bogus: Promise<number>[] = [];
      const flood = (async () => {
        for (let number = 0; !stop.signal.aborted; number += 1) {
          bogus.push(statusOf(application, issuer.token({}, { kid: `bogus ${number}` }, unknown)));
          await pause(250, undefined, { signal: stop.signal }).catch(() => undefined);
        }
      })();
      let sent = 0;
      let token = issuer.token();
      const statuses: number[] = [];
      const worker = async (): Promise<void> => {
        while (sent < REQUESTS) {
          sent += 1;
          // A new key signs as soon as it is published; the old keys stay published.
          const next = sent === 750 ? second : sent === 1_500 ? third : undefined;
          if (next !== undefined) {
            issuer.keys.push(next);
            issuer.publish(application.source);
            token = issuer.token();
          }
          statuses.push(await statusOf(application, token));
        }
      };
      try {
        await Promise.all(Array.from({ length: WORKERS }, worker));
        stop.abort();
        await flood;
        expect(statuses.length).toBeGreaterThanOrEqual(REQUESTS);
        expect(statuses.filter((status) => status !== 200)).toEqual([]);
        expect(new Set(await Promise.all(bogus))).toEqual(new Set([401]));
      } finally {
        stop.abort();
        await application.app.close();
      }
    },
  );
});

describe('an outage of the identity provider', () => {
  it('accepts valid tokens for the configured time, then answers 503, never 401', async () => {
    const clock = new ManualClock(Date.now());
    const source = new MemoryMetadataSource();
    const issuer = new TestIssuer(() => clock.now());
    issuer.publish(source);
    const application = await startGuardedApplication({
      clock,
      source,
      environment: { AUTHENTICATION_KEYS_MAX_AGE_MINUTES: '60' },
    });
    try {
      expect(await statusOf(application, issuer.token())).toBe(200);
      await clock.advance(30 * MINUTE_MS);
      source.documents.clear();
      const statuses: number[] = [];
      for (let minute = 0; minute < 62; minute += 1) {
        statuses.push(await statusOf(application, issuer.token()));
        await clock.advance(MINUTE_MS);
      }
      const firstRefused = statuses.indexOf(503);
      expect(firstRefused).toBeGreaterThan(0);
      expect(new Set(statuses.slice(0, firstRefused))).toEqual(new Set([200]));
      expect(new Set(statuses.slice(firstRefused))).toEqual(new Set([503]));
      issuer.publish(source);
      await clock.advance(MINUTE_MS);
      expect(await statusOf(application, issuer.token())).toBe(200);
    } finally {
      await application.app.close();
    }
  });
});
