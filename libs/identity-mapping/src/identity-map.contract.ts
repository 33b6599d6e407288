import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '#libs/audit';
import type { ApplicationIdentity } from './application-identity.js';
import { IdentityKindConflict, LeaseLost } from './errors.js';
import type { IdentityMap, Lease } from './identity-map.js';

/** A map under test, with the means that each adapter needs. */
export interface IdentityMapSubject {
  readonly map: IdentityMap;
  /** Makes a change take effect, as recording it would. */
  apply(change: Change): Promise<void>;
  /** Lets a lease of `durationMs` end. */
  outlive(durationMs: number): Promise<void>;
}

const RESOURCE = 'default';

/** What every `IdentityMap` promises. */
export function identityMapContract(name: string, create: () => Promise<IdentityMapSubject>): void {
  describe(`${name} as an IdentityMap`, () => {
    let subject: IdentityMapSubject;
    beforeAll(async () => {
      subject = await create();
    });

    const someone = (): ApplicationIdentity => ({
      tenant: 'contoso',
      subject: randomUUID(),
      kind: 'user',
    });
    const lease = (durationMs = 30_000): Lease => ({ holder: randomUUID(), durationMs });
    const acsId = (): string => `8:acs:${randomUUID()}_${randomUUID()}`;

    it('finds nothing for an identity that nobody claimed', async () => {
      expect(await subject.map.find(someone(), RESOURCE)).toBeUndefined();
    });

    it('lets one of many racing callers win, and shows the others the same pending mapping', async () => {
      const who = someone();
      const claims = await Promise.all(
        Array.from({ length: 20 }, async () => subject.map.claim(who, RESOURCE, lease())),
      );
      expect(claims.filter(({ standing }) => standing === 'won')).toHaveLength(1);
      expect(claims.filter(({ standing }) => standing === 'taken')).toHaveLength(19);
      expect(new Set(claims.map(({ mapping }) => mapping.id)).size).toBe(1);
      expect(claims[0]?.mapping).toMatchObject({ ...who, status: 'pending', version: 1 });
    });

    it('keeps the resources apart', async () => {
      const who = someone();
      expect((await subject.map.claim(who, 'one', lease())).standing).toBe('won');
      expect((await subject.map.claim(who, 'two', lease())).standing).toBe('won');
    });

    it('shows the communication identity once the winner has activated it', async () => {
      const who = someone();
      const held = lease();
      const { mapping } = await subject.map.claim(who, RESOURCE, held);
      const communicationUserId = acsId();
      await subject.apply(subject.map.activate(mapping.id, held, communicationUserId));
      const active = { ...who, id: mapping.id, status: 'active', communicationUserId, version: 2 };
      expect(await subject.map.find(who, RESOURCE)).toMatchObject(active);
      expect(await subject.map.claim(who, RESOURCE, lease())).toMatchObject({
        standing: 'taken',
        mapping: active,
      });
    });

    it('refuses to activate for anybody but the holder of the lease, or twice', async () => {
      const held = lease();
      const { mapping } = await subject.map.claim(someone(), RESOURCE, held);
      const activate = async (by: Lease): Promise<void> =>
        subject.apply(subject.map.activate(mapping.id, by, acsId()));
      await expect(activate(lease())).rejects.toBeInstanceOf(LeaseLost);
      await activate(held);
      await expect(activate(held)).rejects.toBeInstanceOf(LeaseLost);
    });

    it('lets the next caller win at once after a release', async () => {
      const who = someone();
      const held = lease();
      const { mapping } = await subject.map.claim(who, RESOURCE, held);
      await subject.map.release(mapping.id, held);
      const next = await subject.map.claim(who, RESOURCE, lease());
      expect(next).toMatchObject({ standing: 'won', mapping: { id: mapping.id } });
    });

    it('lets the next caller win after an unknown outcome was recorded', async () => {
      const who = someone();
      const held = lease();
      const { mapping } = await subject.map.claim(who, RESOURCE, held);
      await subject.apply(subject.map.releaseUnknown(mapping.id, held));
      expect((await subject.map.claim(who, RESOURCE, lease())).standing).toBe('won');
    });

    it('ignores a release by anybody but the holder', async () => {
      const who = someone();
      const { mapping } = await subject.map.claim(who, RESOURCE, lease());
      await subject.map.release(mapping.id, lease());
      expect((await subject.map.claim(who, RESOURCE, lease())).standing).toBe('taken');
    });

    it('gives an abandoned mapping to one of many that take it over, and shuts its last holder out', async () => {
      const who = someone();
      const gone = lease(1);
      const { mapping } = await subject.map.claim(who, RESOURCE, gone);
      await subject.outlive(1);
      expect((await subject.map.claim(who, RESOURCE, lease())).standing).toBe('abandoned');

      const heirs = Array.from({ length: 5 }, () => lease());
      const outcomes = await Promise.allSettled(
        heirs.map(async (heir) => subject.apply(subject.map.takeOver(mapping.id, heir))),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await expect(
        subject.apply(subject.map.activate(mapping.id, gone, acsId())),
      ).rejects.toBeInstanceOf(LeaseLost);
      const heir = heirs[outcomes.findIndex(({ status }) => status === 'fulfilled')];
      if (!heir) expect.unreachable();
      await subject.apply(subject.map.activate(mapping.id, heir, acsId()));
    });

    it('refuses an identity under a second kind', async () => {
      const who = someone();
      await subject.map.claim(who, RESOURCE, lease());
      const asBot = subject.map.claim({ ...who, kind: 'bot' }, RESOURCE, lease());
      await expect(asBot).rejects.toBeInstanceOf(IdentityKindConflict);
    });
  });
}
