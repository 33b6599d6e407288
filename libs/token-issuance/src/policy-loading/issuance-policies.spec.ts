import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditUnavailable } from '#libs/audit';
import { MemoryAuditTrail, newestEntriesOf } from '#libs/audit/testing';
import { communicationUserIdOf, ManualClock, MemoryLogger } from '#libs/platform/testing';
import { IssuanceMetrics } from '../metrics.js';
import { MemoryTokenCache } from '../testing/memory-token-cache.js';
import { BUILT_IN_POLICY } from '../policy/built-in-policy.js';
import { IssuancePolicies } from './issuance-policies.js';
import { policyVersion, readPolicy } from '../policy/policy-file.js';

const OTHER_POLICY = BUILT_IN_POLICY.replace('name: default', 'name: other');
const INVALID_POLICY = BUILT_IN_POLICY.replace('when:', 'wenn:');

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'acs-identity-policy-'));
  path = join(directory, 'policy.yaml');
  await writeFile(path, BUILT_IN_POLICY);
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function isPolicy(text: string): boolean {
  try {
    readPolicy(text);
    return true;
  } catch {
    return false;
  }
}

function open(audit = new MemoryAuditTrail(), initial = BUILT_IN_POLICY) {
  const clock = new ManualClock();
  const cache = new MemoryTokenCache(clock);
  const logger = new MemoryLogger();
  const registry = new Registry();
  const policies = new IssuancePolicies(
    audit,
    newestEntriesOf(audit),
    cache,
    clock,
    logger,
    new IssuanceMetrics(registry, clock),
    {
      policy: { path, initial: readPolicy(initial) },
      policyRefreshMs: 5_000,
      cacheKeySecret: 'token-cache-key',
    },
  );
  const refresh = async (times = 2): Promise<void> => {
    for (let n = 0; n < times; n += 1) await policies.refresh();
  };
  return { policies, audit, cache, clock, logger, registry, refresh };
}

describe('IssuancePolicies', () => {
  it('records the initial policy, once', async () => {
    const { audit, refresh } = open();
    await refresh(4);
    expect(audit.entries).toMatchObject([
      {
        action: 'policy.load',
        outcome: 'success',
        details: { version: policyVersion(BUILT_IN_POLICY), rules: ['default'] },
      },
    ]);
  });

  it('records the policy that a start has replaced, and nothing of the kind when it is the same', async () => {
    const { audit, refresh } = open();
    await refresh();
    for (const policy of [BUILT_IN_POLICY, OTHER_POLICY, OTHER_POLICY])
      await open(audit, policy).policies.refresh();
    expect(audit.entries.map(({ details }) => details?.previous)).toEqual([
      undefined,
      undefined,
      policyVersion(BUILT_IN_POLICY),
      undefined,
    ]);
  });

  it('adopts a changed file without a restart, once the change is recorded', async () => {
    const { policies, audit, refresh } = open();
    await refresh();
    await writeFile(path, OTHER_POLICY);
    audit.outage = new AuditUnavailable();
    await policies.refresh();
    await expect(policies.refresh()).rejects.toBeInstanceOf(AuditUnavailable);
    expect(policies.current.ruleNames).toEqual(['default']);
    audit.outage = undefined;
    await refresh(1);
    expect(policies.current.ruleNames).toEqual(['other']);
    expect(audit.entries.at(-1)).toMatchObject({
      action: 'policy.load',
      outcome: 'success',
      details: {
        version: policyVersion(OTHER_POLICY),
        previous: policyVersion(BUILT_IN_POLICY),
      },
    });
  });

  it('adopts a file only after two reads of the same text, so that no half-written policy takes effect', async () => {
    const { policies, audit, refresh } = open();
    await refresh();
    for (const length of [100, 400, OTHER_POLICY.length]) {
      await writeFile(path, OTHER_POLICY.slice(0, length));
      await refresh(1);
    }
    expect(policies.current.ruleNames).toEqual(['default']);
    await refresh(1);
    expect(policies.current.ruleNames).toEqual(['other']);
    expect(audit.entries.map(({ outcome }) => outcome)).toEqual(['success', 'success']);
  });

  it('leaves the old policy in force when a file is invalid, and reports it once in log, metrics and audit', async () => {
    const { policies, audit, logger, registry, refresh } = open();
    await refresh();
    await writeFile(path, INVALID_POLICY);
    await refresh(5);
    expect(policies.current.version).toBe(policyVersion(BUILT_IN_POLICY));
    expect(audit.entries.slice(1)).toMatchObject([
      {
        action: 'policy.load',
        outcome: 'failure',
        reason: { code: 'invalid-policy', detail: expect.stringContaining('wenn') as string },
        details: { inForce: policyVersion(BUILT_IN_POLICY) },
      },
    ]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(await registry.metrics()).toContain('issuance_policy_file_good 0');

    await writeFile(path, BUILT_IN_POLICY);
    await refresh();
    expect(await registry.metrics()).toContain('issuance_policy_file_good 1');
  });

  it('leaves the old policy in force when the file is missing', async () => {
    const { policies, audit, refresh } = open();
    await refresh();
    await rm(path);
    await refresh(3);
    expect(policies.current.ruleNames).toEqual(['default']);
    expect(audit.entries.at(-1)).toMatchObject({
      outcome: 'failure',
      reason: { detail: 'the file can not be read (ENOENT)' },
    });
  });

  it('leaves the old policy in force after any damage that makes the file invalid', async () => {
    const { policies, refresh } = open();
    await refresh();
    await fc.assert(
      fc.asyncProperty(fc.nat(BUILT_IN_POLICY.length), fc.nat(20), async (at, remove) => {
        const before = policies.current;
        const text = `${BUILT_IN_POLICY.slice(0, at)}:${BUILT_IN_POLICY.slice(at + remove)}`;
        await writeFile(path, text);
        await refresh();
        if (isPolicy(text)) expect(policies.current.version).toBe(policyVersion(text));
        else expect(policies.current).toBe(before);
      }),
      { numRuns: 30 },
    );
  });

  it('deletes the tokens that were cached under the old policy', async () => {
    const { cache, clock, refresh } = open();
    await refresh();
    const key = {
      mappingId: 'alice',
      resource: 'default',
      communicationUserId: communicationUserIdOf(
        '8:acs:00000000-0000-4000-8000-000000000001_00000000-0000-4000-8000-000000000002',
      ),
      tokenGeneration: 1,
      policyVersion: policyVersion(BUILT_IN_POLICY),
      variant: 'variant',
    };
    await cache.store(key, {
      token: 'token',
      expiresOn: new Date(clock.now() + 3_600_000),
      fingerprint: { fingerprint: 'print', fingerprintKey: 'key' },
      secretVersion: undefined,
    });
    await refresh();
    expect(await cache.find(key)).toBeDefined();
    await writeFile(path, OTHER_POLICY);
    await refresh();
    expect(await cache.find(key)).toBeUndefined();
  });

  it('exports the days until the sunset of a scope', async () => {
    const { clock, registry } = open();
    const days = Math.floor((Date.parse('2028-09-30T00:00:00Z') - clock.now()) / 86_400_000);
    expect(await registry.metrics()).toContain(`token_scope_sunset_days{scope="chat"} ${days}`);
  });
});
