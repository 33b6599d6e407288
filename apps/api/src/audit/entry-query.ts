import { z } from 'zod';
import { AddressRange, AUDIT_OUTCOMES, type EntryFilter, type EntryQuery } from '#libs/audit';
import { identityFields } from '#libs/identity-mapping';
import { type CanonicalName, canonicalName } from '#libs/platform';
import {
  addressRange,
  auditAction,
  claim,
  clientAddress,
  instant,
  isForward,
  logIndex,
  oneOf,
  searched,
  searchedName,
  several,
  shaped,
  whole,
} from './query-fields.js';

const ACTOR_KINDS = [
  'user',
  'service',
  'bot',
  'visitor',
  'system',
  'operator',
  'unauthenticated',
] as const;
const ORDERS = ['descending', 'ascending'] as const;
const MAX_LIMIT = 1000;

/** The filters that every reading of entries has. Values are text, as in a URL. */
export const filterFields = {
  from: instant().optional().describe('recorded at this time or later'),
  to: instant().optional().describe('recorded before this time'),
  action: several(auditAction()).optional(),
  actionNot: several(auditAction()).optional().describe('every action but these'),
  outcome: several(oneOf(AUDIT_OUTCOMES)).optional(),
  reasonCode: several(shaped(/^[a-z][a-z0-9-]{0,63}$/, 'must be the code of a reason')).optional(),
  reasonText: searched().optional().describe('words in the reason, in any order'),
  actorKind: several(oneOf(ACTOR_KINDS)).optional(),
  actorTenant: searchedName().optional().describe('tenant of the caller'),
  actorSubject: searchedName()
    .optional()
    .describe('subject of the caller, or name of the background task or operator'),
  actorSubjectNot: several(searchedName()).optional().describe('every actor but these'),
  isGuest: claim().optional().describe('whether the caller is a guest of its tenant'),
  clientApp: searchedName().optional().describe('client id of the caller’s application'),
  tokenId: searched().optional().describe('`uti` or `jti` of the caller’s token'),
  targetTenant: searchedName().optional().describe('tenant of the target'),
  targetSubject: searchedName().optional().describe('subject of the target'),
  identityId: shaped(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, 'must be the UUID of an identity')
    .transform(canonicalName)
    .optional(),
  communicationUserId: identityFields.communicationUserId
    .transform((id): CanonicalName => canonicalName(id))
    .optional(),
  resource: searched().optional().describe('name of the ACS resource of the target'),
  scope: shaped(/^[a-z][a-z.]{0,63}$/, 'must be the name of an ACS scope, such as voip')
    .optional()
    .describe('a scope of the issued token'),
  fingerprint: shaped(/^[\w-]{43}$/, 'must be a fingerprint as in an entry')
    .optional()
    .describe('fingerprint of a token, as in an entry'),
  rule: searched().optional().describe('rule of the policy that decided'),
  policyVersion: searched().optional(),
  secretVersion: searched().optional().describe('version of the secret of the ACS key'),
  requestId: shaped(/^[\w.-]{8,64}$/, 'must be the id of a request').optional(),
  traceId: shaped(/^[\da-f]{32}$/i, 'must be a trace id: 32 hexadecimal digits')
    .transform((id) => id.toLowerCase())
    .optional(),
  address: addressRange()
    .optional()
    .describe('range of client addresses that were not erased, such as 192.0.2.0/24'),
  clientAddress: clientAddress()
    .optional()
    .describe('one IPv4 or IPv6 address of the client, unless erased; ranges: `address`'),
} as const;

const paging = {
  order: z
    .enum(ORDERS, { error: `must be one of ${ORDERS.join(', ')}` })
    .default('descending')
    .describe('by index: the newest entries first, or the oldest'),
  cursor: logIndex()
    .optional()
    .describe('`nextCursor` of the previous page, or `previousCursor` with the other order'),
};

/** Filters of a search; an entry must match all of them. */
export const entryQuery = consistent(
  z.strictObject({
    ...filterFields,
    ...paging,
    limit: whole(1, MAX_LIMIT).prefault('50').describe('entries on a page, 1 to 1000'),
    afterIndex: logIndex().optional().describe('only entries with a greater index'),
    aroundIndex: logIndex().optional().describe('the page around this index, newest first'),
  }),
);

const wholeNumber = z.int('must be a whole number').min(0, 'must not be negative');

/** The same in a body, where values with a type of their own are not text. */
export const entrySearchBody = consistent(
  z.strictObject({
    ...filterFields,
    isGuest: z.boolean().optional(),
    displayName: searched()
      .optional()
      .describe('display name of the caller or the target, exactly, unless erased'),
    ...paging,
    limit: wholeNumber
      .min(1, `must be from 1 to ${MAX_LIMIT}`)
      .max(MAX_LIMIT, `must be from 1 to ${MAX_LIMIT}`)
      .default(50),
    afterIndex: wholeNumber.optional(),
    aroundIndex: wholeNumber.optional(),
  }),
).meta({
  id: 'AuditEntrySearch',
  description: 'Filters of a search; an entry must match all of them.',
});

export type EntrySearchQuery = z.output<typeof entryQuery>;
export type EntrySearchBody = z.output<typeof entrySearchBody>;

/** A search: a page in an order, or the page around an index. */
export type RequestedPage =
  | { readonly query: EntryQuery; readonly around?: undefined }
  | { readonly query: EntryFilter & Pick<EntryQuery, 'limit'>; readonly around: number };

export function toRequestedPage({
  cursor,
  order,
  afterIndex,
  aroundIndex,
  ...query
}: EntrySearchQuery | EntrySearchBody): RequestedPage {
  if (aroundIndex !== undefined) return { query, around: aroundIndex };
  if (order === 'descending') return { query: { ...query, before: cursor, after: afterIndex } };
  const starts = [cursor, afterIndex].filter((index) => index !== undefined);
  const after = starts.length === 0 ? undefined : Math.max(...starts);
  return { query: { ...query, order, after } };
}

/** The filters that can contradict each other. */
interface Contradictable extends Pick<EntryFilter, 'from' | 'to' | 'address' | 'clientAddress'> {
  readonly action?: readonly string[] | undefined;
  readonly actionNot?: readonly string[] | undefined;
  readonly actorSubject?: string | undefined;
  readonly actorSubjectNot?: readonly string[] | undefined;
  readonly cursor?: number | undefined;
  readonly order?: string | undefined;
  readonly afterIndex?: number | undefined;
  readonly aroundIndex?: number | undefined;
}

/** Refuses filters that no entry can match, and pages that are two at once. */
export function consistent<Schema extends z.ZodType<Contradictable>>(schema: Schema): Schema {
  return schema
    .refine(isForward, { error: 'must be later than from', path: ['to'] })
    .refine(({ action, actionNot }) => !action?.every((one) => actionNot?.includes(one)), {
      error: 'excludes every action that is searched for',
      path: ['actionNot'],
    })
    .refine(
      ({ actorSubject, actorSubjectNot }) =>
        actorSubject === undefined || actorSubjectNot?.includes(actorSubject) !== true,
      { error: 'excludes the actor that is searched for', path: ['actorSubjectNot'] },
    )
    .refine(({ address, clientAddress: one }) => isWithin(address, one), {
      error: 'does not have the address that is searched for',
      path: ['address'],
    })
    .refine(
      ({ aroundIndex, cursor, afterIndex, order }) =>
        aroundIndex === undefined ||
        (cursor === undefined && afterIndex === undefined && order !== 'ascending'),
      { error: 'can’t be combined with cursor, afterIndex or an order', path: ['aroundIndex'] },
    );
}

function isWithin(address: string | undefined, one: string | undefined): boolean {
  return address === undefined || one === undefined || !!AddressRange.parse(address)?.contains(one);
}
