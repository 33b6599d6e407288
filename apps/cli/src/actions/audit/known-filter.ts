import {
  AddressRange,
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditLogService,
  CUSTOM_AUDIT_ACTION_PATTERN,
  type EntryFilter,
  listOf,
} from '#libs/audit';
import { identityFields } from '#libs/identity-mapping';
import { type CallContext, canonicalAddress, canonicalName } from '#libs/platform';

/** Filters by identifiers, which entries have in one form. */
const NAMES = [
  ...(['actorTenant', 'actorSubject', 'clientApp', 'targetTenant', 'targetSubject'] as const),
  ...(['identityId', 'communicationUserId'] as const),
];

/** The values of filters that have one shape: no entry has another one. */
const SHAPES = {
  identityId: [/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, 'must be the UUID of an identity'],
  scope: [/^[a-z][a-z.]{0,63}$/, 'must be the name of an ACS scope, such as voip'],
  fingerprint: [/^[\w-]{43}$/, 'must be a fingerprint as in an entry'],
  requestId: [/^[\w.-]{8,64}$/, 'must be the id of a request'],
  traceId: [/^[\da-f]{32}$/i, 'must be a trace id: 32 hexadecimal digits'],
} as const satisfies Partial<Record<keyof EntryFilter, readonly [RegExp, string]>>;

/** Longer values are in no entry. */
const MAX_LENGTH = 512;

/** Filters that no entry can match: nothing was searched, so that nobody takes the result for an empty one. */
export class UnmatchableFilter extends Error {}

/**
 * The filter in the form in which entries have its values.
 *
 * @throws UnmatchableFilter that names each option at fault, as the api answers 400
 */
export async function knownFilter(
  given: EntryFilter,
  service: AuditLogService,
  reader: CallContext,
): Promise<EntryFilter> {
  const faults = [...valueFaults(given), ...contradictions(given)];
  const unknown = await service.unknownReasonCodes(reader, listOf(given.reasonCode));
  for (const code of unknown) faults.push(fault('reasonCode', `${code} is the code of no reason`));
  if (faults.length > 0)
    throw new UnmatchableFilter(
      `No entry can match:\n${faults.map((one) => `  ${one}`).join('\n')}`,
    );
  return canonical(given);
}

function valueFaults(given: EntryFilter): string[] {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const texts = [value].flat().filter((text): text is string => typeof text === 'string');
    if (texts.includes('')) faults.push(fault(name, 'must not be empty'));
    if (texts.some((text) => text.length > MAX_LENGTH))
      faults.push(fault(name, `must have at most ${MAX_LENGTH} characters`));
  }
  for (const [name, [pattern, text]] of Object.entries(SHAPES)) {
    const value = given[name as keyof typeof SHAPES]; // a name of SHAPES
    if (value !== undefined && !pattern.test(value)) faults.push(fault(name, text));
  }
  const { communicationUserId: user, clientAddress, address } = given;
  const parsed = identityFields.communicationUserId.safeParse(user);
  if (user !== undefined && !parsed.success)
    faults.push(fault('communicationUserId', 'must be an ACS user id, such as 8:acs:…'));
  if (clientAddress !== undefined && canonicalAddress(clientAddress) === undefined)
    faults.push(fault('clientAddress', 'must be one IPv4 or IPv6 address'));
  if (address !== undefined && !AddressRange.parse(address))
    faults.push(fault('address', 'must be a range such as 192.0.2.0/24, of 8 bits or more'));
  for (const name of ['action', 'actionNot'] as const)
    for (const action of listOf<AuditAction>(given[name]))
      if (!isAction(action)) faults.push(fault(name, `${action} is no action of the log`));
  return faults;
}

function isAction(action: string): boolean {
  return (
    (AUDIT_ACTIONS as readonly string[]).includes(action) ||
    CUSTOM_AUDIT_ACTION_PATTERN.test(action)
  );
}

function contradictions(given: EntryFilter): string[] {
  const faults: string[] = [];
  const { from, to, actorSubject, address } = given;
  if (from && to && from >= to) faults.push(fault('to', 'must be later than --from'));
  const actions = listOf<AuditAction>(given.action);
  const excluded = listOf<AuditAction>(given.actionNot);
  if (actions.length > 0 && actions.every((one) => excluded.includes(one)))
    faults.push(fault('actionNot', 'excludes every action of --action'));
  const others = listOf<string>(given.actorSubjectNot).map(canonicalName);
  if (actorSubject !== undefined && others.includes(canonicalName(actorSubject)))
    faults.push(fault('actorSubjectNot', 'excludes the actor of --actor-subject'));
  const one = canonicalAddress(given.clientAddress ?? '');
  const range = AddressRange.parse(address ?? '');
  if (one !== undefined && range?.contains(one) === false)
    faults.push(fault('address', 'does not have the address of --client-address'));
  return faults;
}

function canonical(given: EntryFilter): EntryFilter {
  const names = NAMES.flatMap((name) => {
    const text = given[name];
    return text === undefined ? [] : [[name, canonicalName(text)] as const];
  });
  const { traceId, clientAddress } = given;
  return {
    ...given,
    ...Object.fromEntries(names),
    ...(traceId !== undefined && { traceId: traceId.toLowerCase() }),
    ...(clientAddress !== undefined && { clientAddress: canonicalAddress(clientAddress) }),
    actorSubjectNot: listOf<string>(given.actorSubjectNot).map(canonicalName),
  };
}

/** @param name of a filter, such as `reasonCode`: the option is `--reason-code` */
function fault(name: string, text: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${text}`;
}
