import type { components } from '@acs-identity/client';
import type { ListedEntry } from '../api/api.js';
import { definitionOf } from '../pages/search/filters.js';
import { counted } from './counted.js';
import { actorOf, isSelf, type Person, targetOf } from './people.js';

type AuditAction = components['schemas']['AuditAction'];

/** A piece of a sentence: plain words, a person, or a value as the log has it. */
export type Part = string | { readonly person: Person } | { readonly value: string };

/** What an action is called when it succeeded, and when it did not. */
interface Wording {
  /** After the actor: "got a chat token for themselves". */
  readonly did: readonly Part[];
  /** After "was refused" and "failed": "a chat token". */
  readonly what: readonly Part[];
  /** After the actor of a failure. Default: "did not get through" and what. */
  readonly failed?: readonly Part[];
}

type Sentence = (listed: ListedEntry) => Wording;

/** Of a sign-out that had no tokens to revoke. */
function signedOut({ entry }: ListedEntry): Wording['did'] | undefined {
  if (entry.details?.stage === 'nothing to revoke') return ['signed out, with no token to revoke'];
  if (entry.details?.stage !== 'being deleted') return undefined;
  return ['signed out, while the deletion of the identity revokes its tokens'];
}

/** Only a confirmation says that tokens are revoked. */
function revoked(listed: ListedEntry): Wording['did'] {
  return listed.entry.details?.stage === 'requested'
    ? ['requested the revocation of all tokens of ', ...object(listed)]
    : ['revoked all tokens of ', ...object(listed), ...stage(listed)];
}

/** A sentence for every action: a new one does not compile without. */
const SENTENCES = {
  'token.issue': (listed) => issued('got', listed, 'token'),
  'token.reuse': (listed) => issued('got the same token again:', listed, 'token'),
  'token.exchange': (listed) => issued('exchanged a Teams token for', listed, 'token'),
  'token.revoke': (listed) => ({
    did: signedOut(listed) ?? revoked(listed),
    what: ['the revocation of the tokens of ', ...object(listed)],
  }),
  'revocation.start': () => ({
    did: ['began to revoke the tokens of many identities'],
    what: ['a mass revocation'],
  }),
  'revocation.end': (listed) => ({
    did: ['had revoked the tokens of ', ...number(listed, 'identities', 'identity', 'identities')],
    what: ['a mass revocation'],
  }),
  'identity.create': (listed) => acted('created', 'the creation of', listed),
  'identity.link': (listed) => acted('linked', 'the link of', listed),
  'identity.read': (listed) => ({
    did: ['looked up ', ...identities(listed), ...found(listed)],
    what: ['a look at ', ...identities(listed)],
  }),
  'identity.update': (listed) => {
    const { did, what } = acted('changed', 'the change of', listed);
    return { did: [...did, ...changed(listed)], what };
  },
  'identity.suspend': (listed) => {
    const { did, what } = acted('suspended', 'the suspension of', listed);
    return { did: [...did, ...stage(listed)], what };
  },
  'identity.resume': (listed) => acted('resumed', 'the resumption of', listed),
  'identity.delete': (listed) => {
    const { did, what } = acted('deleted', 'the deletion of', listed);
    return { did: [...did, ...stage(listed)], what };
  },
  'identity.import': (listed) => ({
    did: ['imported ', ...(listed.entry.target?.subject ? identity(listed) : ['identities'])],
    what: ['an import of identities'],
  }),
  'identity.export': (listed) => ({
    did: ['exported identities', ...stage(listed)],
    what: ['an export of identities'],
  }),
  'identity.outcome-unknown': (listed) => ({
    did:
      listed.entry.outcome === 'unknown'
        ? ['created ', ...identity(listed)]
        : ['lost ACS’s answer to the creation of ', ...identity(listed)],
    what: ['the creation of ', ...identity(listed)],
  }),
  'teams-phone.assign': (listed) => {
    const { did, what } = acted('assigned Teams Phone to', 'the Teams Phone assignment of', listed);
    return { did: [...did, ...stage(listed)], what };
  },
  'teams-phone.unassign': (listed) => {
    const { did, what } = acted(
      'deleted the Teams Phone assignment of',
      'the deletion of the Teams Phone assignment of',
      listed,
    );
    return { did: [...did, ...stage(listed)], what };
  },
  'teams-phone.read': (listed) => ({
    did: ['looked up Teams Phone assignments', ...found(listed)],
    what: ['a look at Teams Phone assignments'],
  }),
  'teams-phone.import': (listed) => ({
    did: ['imported Teams Phone assignments', ...stage(listed)],
    what: ['an import of Teams Phone assignments'],
  }),
  'teams-phone.export': (listed) => ({
    did: ['exported Teams Phone assignments', ...stage(listed)],
    what: ['an export of Teams Phone assignments'],
  }),
  'invitation.create': (listed) => ({
    did: ['invited ', ...number(listed, 'uses', 'visitor'), ' to ', value(listed, 'meeting')],
    what: ['an invitation of visitors'],
  }),
  'invitation.end': () => ({
    did: ['ended an invitation of visitors'],
    what: ['the end of an invitation'],
  }),
  'authentication.reject': () => ({ did: ['was not signed in'], what: ['access'] }),
  'authorization.deny': (listed) => ({
    did: ['was refused'],
    what: refusedCall(listed),
  }),
  'request.limit': () => ({ did: ['sent too many requests'], what: ['requests above the limit'] }),
  'policy.load': (listed) => ({
    did: ['loaded the issuance policy, version ', value(listed, 'version')],
    what: ['the issuance policy of ', value(listed, 'path')],
  }),
  'configuration.load': () => ({ did: ['started with its configuration'], what: ['a start'] }),
  'secret.read': (listed) => ({
    did: ['read the secret ', value(listed, 'secret'), ...version(listed)],
    what: ['the secret ', value(listed, 'secret')],
  }),
  'secret.rotate': (listed) => ({
    did: ['found a new version of the secret ', value(listed, 'secret'), ...version(listed)],
    what: ['a new version of the secret ', value(listed, 'secret')],
  }),
  'audit.read': (listed) => ({
    did: ['read the log: ', value(listed, 'route'), ...readWhat(listed)],
    what: ['a reading of the log: ', value(listed, 'route')],
  }),
  'audit.export': (listed) => ({
    did: ['exported the log as ', value(listed, 'format'), ...stage(listed)],
    what: ['an export of the log'],
  }),
  'audit.trace': (listed) => ({
    did: tracedBy(listed),
    what: ['the trace of a token'],
  }),
  'audit.erase': (listed) => ({
    did: ['erased the personal values of ', ...object(listed)],
    what: ['the erasure of the personal values of ', ...object(listed)],
  }),
  'audit.retain': (listed) => ({
    did: ['dropped the entries from before ', value(listed, 'before')],
    what: ['the end of old entries'],
  }),
  'audit.damage': (listed) => ({
    did: ['found damage in the part ', value(listed, 'part')],
    what: ['damage in the part ', value(listed, 'part')],
    failed: ['found damage in the part ', value(listed, 'part')],
  }),
} satisfies Record<AuditAction, Sentence>;

const custom: Sentence = ({ entry }) => ({
  did: ['did ', { value: entry.action }],
  what: [{ value: entry.action }],
});

/** What an entry says, in one sentence. What it leaves out stands in the parts of the entry. */
export function sentenceOf(listed: ListedEntry): readonly Part[] {
  const { entry } = listed;
  const sentence = Object.hasOwn(SENTENCES, entry.action)
    ? SENTENCES[entry.action as AuditAction]
    : custom;
  const { did, what, failed = ['did not get through: ', ...what] }: Wording = sentence(listed);
  const actor: Part = { person: actorOf(listed) };
  switch (entry.outcome) {
    case 'success':
      return [actor, ' ', ...did, ...count(listed, '')];
    case 'denied':
      return [actor, ' was refused ', ...what, ...count(listed, ','), ...because(listed)];
    case 'failure':
      return [actor, ' ', ...failed, ...because(listed)];
    case 'unknown':
      return ['ACS’s answer was lost: it is not known whether ', actor, ' ', ...did];
  }
}

/** The sentence as text, for the clipboard, tooltips and screen readers. */
export function sentenceText(listed: ListedEntry): string {
  const text = sentenceOf(listed)
    .map((part) =>
      typeof part === 'string' ? part : 'person' in part ? part.person.text : part.value,
    )
    .join('');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The lifetime of the token that an entry is about. */
export function tokenMinutes({ token, recordedAt }: ListedEntry['entry']): number | undefined {
  if (!token) return undefined;
  return Math.round((Date.parse(token.expiresOn) - Date.parse(recordedAt)) / 60_000);
}

function issued(verb: string, listed: ListedEntry, noun: string): Wording {
  const { token, policy } = listed.entry;
  const scopes = token?.scopes.join(' + ');
  const owner: Part[] = isSelf(listed.entry) ? [] : [' for ', ...object(listed)];
  const lifetime = tokenMinutes(listed.entry);
  return {
    did: [
      `${verb} a ${scopes === undefined ? '' : `${scopes} `}${noun}`,
      ...(lifetime === undefined ? [] : [`, ${lifetime} min`]),
      ...owner,
      ...(policy ? [' under rule ', { value: policy.rule }] : []),
    ],
    what: [`a ${scopes === undefined ? '' : `${scopes} `}${noun}`, ...owner],
  };
}

function acted(verb: string, noun: string, listed: ListedEntry): Wording {
  return { did: [`${verb} `, ...identity(listed)], what: [`${noun} `, ...identity(listed)] };
}

/** Whom an action was about. */
function object(listed: ListedEntry): Part[] {
  if (isSelf(listed.entry)) return ['themselves'];
  const person = targetOf(listed);
  return person ? [{ person }] : ['somebody'];
}

function identity(listed: ListedEntry): Part[] {
  return isSelf(listed.entry) ? ['their own identity'] : ['the identity of ', ...object(listed)];
}

/** The identity of one person, those of a tenant, or any. */
function identities(listed: ListedEntry): Part[] {
  if (targetOf(listed)) return identity(listed);
  const tenant = listed.entry.target?.tenant;
  return tenant === undefined ? ['identities'] : ['identities of the tenant ', { value: tenant }];
}

/** Callers who lack no permission are refused for another reason. */
function refusedCall(listed: ListedEntry): Part[] {
  const { details, reason } = listed.entry;
  const call: Part[] =
    details?.route === undefined
      ? ['a call']
      : [{ value: `${String(details.method)} ${String(details.route)}` }];
  if (details?.permission === undefined || reason?.code !== 'insufficient-permission') return call;
  return [...call, ', which needs ', value(listed, 'permission')];
}

function value({ entry }: ListedEntry, name: string): Part {
  const found = entry.details?.[name];
  return {
    value: found === undefined ? '—' : Array.isArray(found) ? found.join(', ') : String(found),
  };
}

function stage(listed: ListedEntry): Part[] {
  return listed.entry.details?.stage === undefined ? [] : [' (', value(listed, 'stage'), ')'];
}

function version(listed: ListedEntry): Part[] {
  return listed.entry.details?.version === undefined
    ? []
    : [', version ', value(listed, 'version')];
}

function changed(listed: ListedEntry): Part[] {
  return listed.entry.details?.changed === undefined ? [] : [': ', value(listed, 'changed')];
}

function found(listed: ListedEntry): Part[] {
  return listed.entry.details?.found === undefined ? [] : [', ', value(listed, 'found'), ' found'];
}

/** How many of something. */
function number({ entry }: ListedEntry, name: string, one: string, several = `${one}s`): Part[] {
  const found = entry.details?.[name];
  if (typeof found !== 'number') return [`an unknown number of ${several}`];
  return [counted(found, one, several)];
}

function tracedBy({ entry }: ListedEntry): Part[] {
  switch (entry.details?.by) {
    case 'fingerprint':
      return ['traced a token by its fingerprint'];
    case 'tokenId':
      return ['traced the tokens of the session ', { value: String(entry.details.tokenId) }];
    default:
      return ['traced a token'];
  }
}

/** The filters of a reading. */
function readWhat({ entry }: ListedEntry): Part[] {
  const { route: _route, limit: _limit, ...filters } = entry.details ?? {};
  const named = Object.entries(filters).map(
    ([name, one]) => `${definitionOf(name)?.label ?? name} ${String(one)}`,
  );
  return named.length === 0 ? [] : [' with ', { value: named.join(', ') }];
}

/** An entry may stand for several events. */
function count({ entry }: ListedEntry, end: string): Part[] {
  const { count: times, from, to } = entry.details ?? {};
  if (typeof times !== 'number' || times < 2) return [];
  const span = `${String(from).slice(11, 16)} to ${String(to).slice(11, 16)} UTC`;
  return [`, ${times} times from ${span}${end}`];
}

function because({ entry }: ListedEntry): Part[] {
  const { reason } = entry;
  return reason ? [': ', { value: reason.detail ?? reason.code }] : [];
}
