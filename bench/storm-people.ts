import { randomUUID } from 'node:crypto';
import type { Service } from '../test/support/service.js';

/** A person who requests a token. */
export interface Person {
  readonly tenant: string;
  readonly clientApp: string;
  /** Entra access token. */
  readonly bearer: string;
}

/** Relative sizes of the ten tenants. */
const TENANT_SIZES = [1, 2, 3, 5, 8, 11, 14, 16, 18, 22];
/** Relative sizes of the three client applications that the people of each tenant use. */
const APP_SIZES = [1, 2, 5];

export const TENANTS: readonly string[] = TENANT_SIZES.map(() => randomUUID());
const CLIENT_APPS = APP_SIZES.map(() => randomUUID());

/** People of ten tenants and three client applications of unequal size, in random order. */
export async function peopleFor(service: Service, count: number): Promise<Person[]> {
  const flows = TENANTS.flatMap((tenant, t) =>
    CLIENT_APPS.map((clientApp, a) => ({
      ...{ tenant, clientApp },
      weight: (TENANT_SIZES[t] ?? 0) * (APP_SIZES[a] ?? 0),
    })),
  );
  const total = flows.reduce((sum, { weight }) => sum + weight, 0);
  const flowOfEach = flows.flatMap((flow) =>
    Array.from({ length: Math.round((flow.weight / total) * count) }, () => flow),
  );
  const largest = flows.at(-1);
  while (largest && flowOfEach.length < count) flowOfEach.push(largest);
  const people: Person[] = [];
  for (const flow of flowOfEach.slice(0, count)) people.push(await personOf(service, flow));
  return people
    .map((person) => ({ person, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ person }) => person);
}

/** A new person. Default: of the largest tenant and its largest client application. */
export async function personOf(
  service: Service,
  {
    tenant = TENANTS.at(-1) ?? '',
    clientApp = CLIENT_APPS.at(-1) ?? '',
  }: Partial<Omit<Person, 'bearer'>> = {},
): Promise<Person> {
  const oid = randomUUID();
  const claims = { oid, sub: oid, azp: clientApp };
  const bearer = await service.emulator.control.mintToken({ tenant, claims });
  return { tenant, clientApp, bearer };
}
