import type { INestApplicationContext } from '@nestjs/common';
import { type CompositionOptions, identitiesPart } from '#libs/composition';
import {
  EFFECTIVE_WITHIN_MINUTES,
  hasExpired,
  type IdentityKind,
  MassRevocationService,
  type RevocationFilter,
  type RevocationForecast,
  type RevocationProgress,
  type StartedRevocation,
} from '#libs/identity-mapping';
import type { CallContext } from '#libs/platform';
import { VisitorRevocation } from '#libs/visitors';
import { isCalendarDay } from '../commands/options.js';
import { confirm } from './confirm.js';
import { counted } from './counted.js';
import { nameOption } from './name-option.js';
import { operatorCall, type OperatorOptions, withPart } from './service-part.js';
import { print } from '../standard-output.js';

export interface StartOptions extends OperatorOptions {
  readonly reason: string;
  readonly tenant?: string;
  readonly clientApp?: string;
  readonly identityKind?: IdentityKind;
  readonly resource?: string;
  readonly issuedBefore?: string;
  readonly invitation?: string;
  readonly everyone?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** No ACS token is valid for longer. */
const TOKEN_LIFETIME_MS = 86_400_000;
const MAX_REASON_LENGTH = 500;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Starts a mass revocation and prints its id and how long it takes. */
export async function startRevocation(
  options: StartOptions,
  composition: CompositionOptions,
): Promise<void> {
  const filter = filterOf(options);
  const reason = reasonOf(options.reason);
  const context = operatorCall(options);
  await withPart(identitiesPart, options.databaseUrl, composition, async (service) => {
    const { forecast: foresee, start } = actionsOf(filter, service, context);
    const forecast = await foresee();
    if (options.dryRun) {
      print(`${describe(forecast)} Nothing was revoked.`);
      return;
    }
    await confirm(`Revoke the tokens of ${countsOf(forecast)}?`, options);
    const progress = await start(reason);
    print(`${progress.revocation.id}: ${describe(progress.remaining)}`);
    print(
      `None of them gets a token from now until ACS has revoked its old ones. ACS may accept those for up to ${EFFECTIVE_WITHIN_MINUTES} minutes longer.`,
    );
  });
}

/** An invitation names its identities alone. */
function actionsOf(
  filter: RevocationFilter,
  service: INestApplicationContext,
  context: CallContext,
): {
  readonly forecast: () => Promise<RevocationForecast>;
  readonly start: (reason: string) => Promise<StartedRevocation>;
} {
  const { invitation, tenant = 'any' } = filter;
  if (invitation !== undefined) {
    const visitors = service.get(VisitorRevocation);
    return {
      forecast: async () => visitors.forecast(invitation, tenant, context),
      start: async (reason) => visitors.start({ invitation, reason }, tenant, context),
    };
  }
  const revocations = service.get(MassRevocationService);
  return {
    forecast: async () => revocations.forecast(filter, context),
    start: async (reason) => revocations.start({ filter, reason }, context),
  };
}

/** Prints the progress of one. */
export async function showRevocation(
  id: string,
  { databaseUrl }: OperatorOptions,
  composition: CompositionOptions,
): Promise<void> {
  if (!UUID.test(id)) throw new Error(`${id} is not the id of a mass revocation, a UUID.`);
  const progress = await withPart(identitiesPart, databaseUrl, composition, async (service) =>
    service.get(MassRevocationService).show(id.toLowerCase(), 'any'),
  );
  printProgress(progress);
  if (!progress.revocation.finishedAt) process.exitCode = 1;
}

/** Prints the progress of the newest. */
export async function listRevocations(
  { databaseUrl }: OperatorOptions,
  composition: CompositionOptions,
): Promise<void> {
  const all = await withPart(identitiesPart, databaseUrl, composition, async (service) =>
    service.get(MassRevocationService).list(),
  );
  for (const progress of all) printProgress(progress);
  if (all.length === 0) print('There are no mass revocations.');
}

/** @throws Error that says what to change */
function filterOf(options: StartOptions): RevocationFilter {
  const { tenant, clientApp, identityKind: kind, resource, issuedBefore } = options;
  const { invitation, everyone } = options;
  const others = [clientApp, kind, resource, issuedBefore];
  const given = [tenant, invitation, ...others];
  if (given.includes('')) throw new Error('A filter is empty: leave it out, or give its value.');
  const hasFilter = given.some((value) => value !== undefined);
  if (everyone && hasFilter) throw new Error('--everyone can not be combined with a filter.');
  if (!everyone && !hasFilter) {
    throw new Error('Give a filter, or --everyone for all identities of all tenants.');
  }
  if (invitation !== undefined && !UUID.test(invitation)) {
    throw new Error(`--invitation ${invitation} is not the id of an invitation, a UUID.`);
  }
  if (invitation !== undefined && others.some((value) => value !== undefined)) {
    throw new Error('--invitation can be combined with --tenant only.');
  }
  return {
    invitation: invitation?.toLowerCase(),
    tenant: tenant === undefined ? undefined : nameOption('tenant', tenant),
    clientApp: clientApp === undefined ? undefined : nameOption('clientApp', clientApp),
    kind,
    resource,
    issuedBefore: issuedBefore === undefined ? undefined : timeOf(issuedBefore),
  };
}

function timeOf(text: string): Date {
  const time = new Date(text);
  if (!TIME.test(text) || !isCalendarDay(text) || Number.isNaN(time.getTime())) {
    throw new Error(`--issued-before ${text} is not a time such as 2026-01-31T12:00:00Z.`);
  }
  const ageMs = Date.now() - time.getTime();
  if (ageMs < 0) throw new Error('--issued-before must not be in the future.');
  if (ageMs > TOKEN_LIFETIME_MS) {
    throw new Error('--issued-before must be within the last 24 hours: older tokens have expired.');
  }
  return time;
}

function reasonOf(text: string): string {
  const reason = text.trim();
  if (reason === '' || reason.length > MAX_REASON_LENGTH || /[\p{Cc}\p{Cs}]/u.test(reason)) {
    throw new Error(
      `--reason must have 1 to ${MAX_REASON_LENGTH} characters, and no control characters.`,
    );
  }
  return reason;
}

function describe(forecast: RevocationForecast): string {
  return `${countsOf(forecast)}, about ${forecast.seconds} s at the limits of ACS.`;
}

function countsOf({
  identities = 0,
  assignments = 0,
}: {
  readonly identities: number | undefined;
  readonly assignments: number | undefined;
}): string {
  const renewed = assignments > 0 ? ` and ${counted(assignments, 'Teams Phone assignment')}` : '';
  return `${counted(identities, 'identity', 'identities')}${renewed}`;
}

function printProgress({ revocation, remaining }: RevocationProgress): void {
  const { id, filter, reason, startedAt, finishedAt } = revocation;
  const filters = Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value instanceof Date ? value.toISOString() : value}`);
  const state = finishedAt
    ? `${hasExpired(revocation, finishedAt) ? 'expired' : 'completed'} ${finishedAt.toISOString()}`
    : `${countsOf(remaining)} left, about ${remaining.seconds} s`;
  print(
    `${id} ${startedAt.toISOString()} ${filters.join(', ') || 'everyone'}: ${countsOf(revocation)}, ${state}. ${reason}`,
  );
}
