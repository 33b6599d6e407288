import { FINGERPRINT, REQUEST_ID, TRACE_ID, UUID } from '../../shell/id-forms.js';
import type { Filter, FilterName } from './filters.js';

const PEOPLE = ['involvedSubject', 'actorSubject', 'targetSubject'] as const;
const IDS = [
  ...(['requestId', 'traceId'] as const),
  ...PEOPLE,
  ...([
    'clientApp',
    'identityId',
    'actorTenant',
    'targetTenant',
    'tokenId',
    'fingerprint',
  ] as const),
] as const;

/** What else a pasted id, or a text that was taken for a name, may be. */
const OTHERS: Partial<Readonly<Record<FilterName, readonly FilterName[]>>> = {
  requestId: IDS,
  traceId: IDS,
  identityId: IDS,
  tokenId: IDS,
  fingerprint: IDS,
  displayName: [
    ...(['requestId', 'involvedSubject', 'actorSubject'] as const),
    ...(['reasonCode', 'rule', 'tokenId', 'reasonText'] as const),
  ],
};

/** What the service refuses in any other form, or never has in it. */
const FORMS: Partial<Readonly<Record<FilterName, RegExp>>> = {
  requestId: REQUEST_ID,
  traceId: TRACE_ID,
  clientApp: UUID,
  identityId: UUID,
  actorTenant: UUID,
  targetTenant: UUID,
  fingerprint: FINGERPRINT,
};

/** The filters that the value of a filter may be meant for instead. */
export function otherKinds({ name, value }: Filter): readonly Filter[] {
  return (OTHERS[name] ?? [])
    .filter((other) => other !== name && FORMS[other]?.test(value) !== false)
    .map((other) => ({ name: other, value }));
}
