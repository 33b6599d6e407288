import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { AuditReceipt } from '#libs/audit';
import type { TestLog } from '#libs/audit/testing';
import {
  CommunicationResources,
  UpstreamOutcomeUnknown,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import {
  canonicalName,
  type CommunicationUserId,
  ReadingDatabase,
  SystemClock,
} from '#libs/platform';
import { communicationUserIdOf } from '#libs/platform/testing';
import { AssignmentRenewal, PostgresAssignmentStore } from '#libs/teams-phone';
import {
  auditTargetOf,
  isProvisioned,
  type Mapping,
  type ProvisionedMapping,
} from '../model/mapping.js';
import type { IdentityDescription } from '../lifecycle/identity-linking.js';
import type { RevocationFilter } from '../mass-revocation/mass-revocation.js';
import { MassRevocationStore } from '../mass-revocation/mass-revocation-store.js';
import { newLease } from '../store/identity-map.js';
import { PostgresIdentityMap } from '../store/postgres-identity-map.js';
import { wireIdentityMapping } from './wire-identity-mapping.js';

const ACS = 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001';
const TENANT = canonicalName('contoso');
const CONTEXT = { actor: { kind: 'operator', name: 'test' } } as const;

/** Mappings in PostgreSQL with their entries, as the service makes them over an ACS in memory. */
export class RecordedMappings {
  readonly tenant = TENANT;
  readonly context = CONTEXT;
  readonly map: PostgresIdentityMap;
  readonly gateway: MemoryCommunicationIdentityGateway;
  readonly resources: CommunicationResources;
  readonly services: ReturnType<typeof wireIdentityMapping>;

  constructor(private readonly log: TestLog) {
    const { clock, logger, trail: audit } = log;
    const endpoint = 'https://acs.example';
    const acs = { name: 'default', endpoint, immutableResourceId: ACS, tenants: [] };
    const resources = new CommunicationResources([acs], 'default');
    const gateway = new MemoryCommunicationIdentityGateway(resources, clock);
    const map = new PostgresIdentityMap(log.database, log.get(ReadingDatabase), clock);
    [this.gateway, this.map, this.resources] = [gateway, map, resources];
    this.services = wireIdentityMapping({ map, gateway, audit, resources, clock, logger });
  }

  /** The id of an identity that the service has not created. */
  foreignId(): CommunicationUserId {
    return communicationUserIdOf(`8:acs:${ACS}_${randomUUID()}`);
  }

  /** A new person with a new communication identity. */
  async person(displayName?: string): Promise<ProvisionedMapping> {
    return this.#created({ kind: 'user', displayName });
  }

  /** A new bot, linked to an identity that exists. */
  async linked(
    displayName?: string,
    communicationUserId = this.foreignId(),
  ): Promise<ProvisionedMapping> {
    return this.#created({ kind: 'bot', displayName, communicationUserId });
  }

  /** A mapping whose communication identity has not been created yet; the log has no entry about it. */
  async pending(): Promise<Mapping> {
    const lease = newLease(30_000, new SystemClock());
    const identity = {
      tenant: TENANT,
      subject: canonicalName(randomUUID()),
      kind: 'user',
    } as const;
    const { mapping } = await this.map.claim(identity, 'default', lease);
    await this.map.release(mapping.id, lease);
    return mapping;
  }

  async update({ id }: Mapping, changes: object): Promise<void> {
    await this.services.administration.update({ id, tenant: TENANT }, changes, CONTEXT);
  }

  async delete({ id }: Mapping): Promise<void> {
    await this.services.administration.delete({ id, tenant: TENANT }, CONTEXT);
  }

  async revoke({ id }: Mapping): Promise<void> {
    await this.services.mappings.revokeTokens({ id, tenant: TENANT }, CONTEXT);
  }

  /** Records a token as its issuance does. */
  async issue(mapping: ProvisionedMapping): Promise<AuditReceipt> {
    const unchanged = this.services.mappings.unchanged(mapping);
    const target = auditTargetOf(mapping);
    const event = { action: 'token.issue', outcome: 'success', target, ...CONTEXT } as const;
    return this.log.trail.record(event, unchanged);
  }

  /** Starts a mass revocation as its service does. Nothing works on it. @returns its id */
  async beginMassRevocation(filter: RevocationFilter): Promise<string> {
    const { log } = this;
    const id = randomUUID();
    const reading = log.get(ReadingDatabase);
    const assignments = new AssignmentRenewal(new PostgresAssignmentStore(log.database, reading));
    const store = new MassRevocationStore(log.database, reading, assignments);
    const { tenant, issuedBefore, ...given } = filter;
    const filters = { ...given, issuedBefore: issuedBefore?.toISOString() };
    const details = Object.entries(filters).filter(([, value]) => value !== undefined);
    await log.trail.record(
      {
        ...{ action: 'revocation.start', outcome: 'success', ...CONTEXT },
        ...(tenant !== undefined && { target: { tenant } }),
        reason: { code: 'mass-revocation', detail: 'a test' },
        details: { revocation: id, ...(Object.fromEntries(details) as Record<string, string>) },
      },
      store.begin({ id, filter, reason: 'a test' }, { newest: '-1' }),
    );
    return id;
  }

  async import(lines: readonly object[]): Promise<void> {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const chunks = Readable.from([Buffer.from(text)]);
    const request = { ...CONTEXT, chunks, tenant: TENANT, isProvisioning: false };
    const results = await this.services.importing.run(request);
    for (let next = await results.next(); next.done !== true; next = await results.next()) {
      if (next.value.outcome !== 'created') throw new Error(JSON.stringify(next.value));
    }
  }

  /** Mappings of every status that got there in every way: 17, of which 3 are pending. */
  async addEveryState(): Promise<void> {
    const { log, services } = this;
    const [first, resumed, erased] = [
      await this.person('Alice'),
      await this.person(),
      await this.person('Erik'),
    ];
    await this.issue(first);
    await this.update(first, { displayName: 'Alice A.' });
    await services.administration.show({ id: first.id, tenant: TENANT }, CONTEXT);
    const orphan = { communicationUserId: this.foreignId(), mapping: first };
    await services.orphans.add(orphan, CONTEXT);
    await this.update(await this.person('Sam'), { status: 'suspended', displayName: 'Samuel' });
    await this.update(resumed, { status: 'suspended' });
    await this.update(resumed, { status: 'active', displayName: 'Rita' });
    await this.update(resumed, { displayName: null });
    await this.revoke(resumed);
    await this.delete(await this.person('Dora'));
    await services.administration.erase(erased, CONTEXT);
    await log.auditLog.erase(CONTEXT, erased);

    await this.linked();
    await this.linked('Bot');
    const line = () => ({ subject: randomUUID(), kind: 'user' });
    await this.import([
      { ...line(), displayName: 'Pia' },
      { ...line(), communicationUserId: this.foreignId() },
      { ...line(), communicationUserId: this.foreignId(), status: 'suspended' },
    ]);

    await this.pending();
    await this.update(await this.pending(), { displayName: 'Later' });
    const later = await this.pending();
    await this.update(later, { displayName: 'Lina' });
    const communicationUserId = this.foreignId();
    await services.linking.createOrGet({ ...later, communicationUserId }, CONTEXT);
    await this.delete(await this.pending());
    await this.#addUnfinished();
  }

  /** What ACS has not confirmed, and an identity whose answer was lost once. */
  async #addUnfinished(): Promise<void> {
    const [deleting, revoking, lost] = [
      await this.person('Dario'),
      await this.person(),
      await this.pending(),
    ];
    this.gateway.failNext('delete', new UpstreamUnavailable());
    await this.delete(deleting);
    this.gateway.failNext('revoke', new UpstreamUnavailable());
    await this.revoke(revoking);
    this.gateway.failNext('create', new UpstreamOutcomeUnknown());
    const ensured = { identity: lost, ...CONTEXT };
    await this.services.mappings.ensureActive(ensured).catch(() => undefined);
    await this.services.mappings.ensureActive(ensured);
  }

  async #created(
    description: Omit<IdentityDescription, 'tenant' | 'subject'>,
  ): Promise<ProvisionedMapping> {
    const identity = { tenant: TENANT, subject: canonicalName(randomUUID()), ...description };
    const { mapping } = await this.services.linking.createOrGet(identity, CONTEXT);
    if (!isProvisioned(mapping)) throw new Error('a new mapping has no communication identity');
    return mapping;
  }
}
