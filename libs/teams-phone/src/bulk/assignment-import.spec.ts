import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryAuditTrail } from '#libs/audit/testing';
import { CommunicationResources } from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { DatabaseUnavailable } from '#libs/platform';
import { ManualClock, MemoryLogger, newGuid } from '#libs/platform/testing';
import { BudgetExhausted } from '#libs/request-budget';
import { MemoryAssignmentStore } from '../testing/memory-assignment-store.js';
import { wireTeamsPhone } from '../testing/wire-teams-phone.js';
import { AssignmentExport } from './assignment-export.js';
import { AssignmentImport, type AssignmentImportRequest } from './assignment-import.js';

const context = { actor: { kind: 'operator', name: 'spec' } } as const;
const tenant = newGuid();

function open() {
  const clock = new ManualClock();
  const resource = { name: 'default', endpoint: 'https://acs.example', tenants: [] };
  const resources = new CommunicationResources(
    [{ ...resource, immutableResourceId: newGuid() }],
    'default',
  );
  const barred = new Set<string>();
  const store = new MemoryAssignmentStore(clock, ({ objectId }) => barred.has(objectId));
  const gateway = new MemoryCommunicationIdentityGateway(resources, clock);
  const adapters = { store, gateway, audit: new MemoryAuditTrail(), resources, clock };
  const { assignments } = wireTeamsPhone({ ...adapters, logger: new MemoryLogger() });
  return {
    ...adapters,
    barred,
    importing: new AssignmentImport(assignments, adapters.audit, clock),
    exporting: new AssignmentExport(store, adapters.audit),
  };
}

describe('AssignmentImport', () => {
  let service: ReturnType<typeof open>;
  beforeEach(() => {
    service = open();
  });

  async function imported(
    lines: readonly (object | string)[],
    more: Partial<AssignmentImportRequest> = {},
  ): Promise<{ results: unknown[]; summary: unknown }> {
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    // oxlint-disable-next-line typescript/require-await -- as a stream gives them
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(text.join('\n'));
    }
    const run = await service.importing.run({ ...context, tenant, chunks: chunks(), ...more });
    const results: unknown[] = [];
    for (;;) {
      const next = await run.next();
      if (next.done) return { results, summary: next.value };
      const { line, outcome, error } = next.value;
      results.push([line, outcome, ...(error ? [error.code] : [])]);
    }
  }
  const entries = (action: string): unknown[] =>
    service.audit.entries
      .filter((entry) => entry.action === action)
      .map(({ outcome, details, reason }) => [outcome, details?.stage, reason?.code]);

  it('gives each line its result, and fails a faulty one alone', async () => {
    const [one, suspended] = [newGuid(), newGuid()];
    service.barred.add(suspended);
    const line = { objectId: one, principalType: 'user' };
    const { results, summary } = await imported([
      line,
      line,
      { ...line, clientIds: [newGuid()] },
      { ...line, objectId: 'alice' },
      { ...line, tenantId: newGuid() },
      { ...line, objectId: suspended },
      '{"objectId":',
      { ...line, objectId: newGuid(), status: 'deleting' },
    ]);
    expect(results).toEqual([
      [1, 'created'],
      [2, 'unchanged'],
      [3, 'replaced'],
      [4, 'failed', 'invalid-line'],
      [5, 'failed', 'tenant-not-allowed'],
      [6, 'failed', 'teams-phone-assignee-not-active'],
      [7, 'failed', 'invalid-line'],
      [8, 'failed', 'invalid-line'],
    ]);
    const counts = { lines: 8, created: 1, replaced: 1, unchanged: 1, failed: 5 };
    expect(summary).toEqual({ ...counts, isComplete: true });
    expect(service.gateway.assignments.size).toBe(1);
    expect(entries('teams-phone.import')).toEqual([
      ['success', 'begun', undefined],
      ['success', 'ended', undefined],
    ]);
    expect(entries('teams-phone.read')).toEqual([]);
  });

  it('waits while the request budget defers a call', async () => {
    for (let time = 0; time < 3; time += 1) {
      service.gateway.failNext('assign', new BudgetExhausted(1));
    }
    const line = { objectId: newGuid(), principalType: 'user' };
    const state = { isOver: false };
    const work = imported([line]).finally(() => (state.isOver = true));
    while (!state.isOver) {
      await new Promise(setImmediate);
      if (service.clock.sleeping > 0) await service.clock.advance(1_000);
    }
    expect((await work).results).toEqual([[1, 'created']]);
    expect(service.gateway.assignments.size).toBe(1);
  });

  it('ends at a limit and at an outage of the database, and records why', async () => {
    const lines = Array.from({ length: 3 }, () => ({
      objectId: newGuid(),
      principalType: 'user',
    }));
    const limited = await imported(lines, { limits: { maxLines: 2, maxBytes: 1e6 } });
    expect(limited.results).toEqual([
      [1, 'created'],
      [2, 'created'],
      [3, 'failed', 'import-too-large'],
    ]);
    expect(limited.summary).toMatchObject({ isComplete: false });
    service.store.find = async () => Promise.reject(new DatabaseUnavailable());
    const broken = await imported([...lines, ...Array.from({ length: 100 }, () => lines[0] ?? {})]);
    expect(broken.results).toHaveLength(64);
    expect(broken.summary).toMatchObject({ failed: 64, isComplete: false });
    expect(entries('teams-phone.import').at(-1)).toEqual(['failure', 'ended', 'import-broken-off']);
  });

  it('accepts what an export gives during a mass revocation', async () => {
    const line = { objectId: newGuid(), principalType: 'user', clientIds: [] };
    await imported([line]);
    const start = { action: 'revocation.start', outcome: 'success', ...context } as const;
    await service.audit.record(start, service.store.renew({ tenant, objectId: line.objectId }));
    const exported: object[] = [];
    for await (const one of await service.exporting.run(tenant, context)) exported.push(one);
    expect(exported).toMatchObject([{ ...line, status: 'pending' }]);
    service = open();
    expect((await imported(exported)).summary).toMatchObject({ created: 1, isComplete: true });
  });

  it('accepts what an export gives, from which what is to be deleted is missing', async () => {
    const lines = Array.from({ length: 3 }, () => ({
      ...{ objectId: newGuid(), principalType: 'teamsResourceAccount', clientIds: [newGuid()] },
    }));
    await imported(lines);
    const exported: object[] = [];
    for await (const line of await service.exporting.run(tenant, context)) exported.push(line);
    expect(exported).toMatchObject(lines.map((line) => ({ ...line, tenantId: tenant })));
    expect((await imported(exported)).summary).toMatchObject({ unchanged: 3, isComplete: true });
    expect(entries('teams-phone.export')).toEqual([
      ['success', 'begun', undefined],
      ['success', 'ended', undefined],
    ]);
  });
});
