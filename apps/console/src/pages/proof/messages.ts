import { counted } from '../../entries/counted.js';
import type { EntryVerdict } from './check-entry.js';
import type { LogFault } from './check-log.js';

/** What a fault means, for somebody who has never seen one. */
export interface FaultMessage {
  readonly title: string;
  readonly text: string;
}

export type Fault = LogFault | Exclude<EntryVerdict['is'], 'included'> | 'contradicted';

/** What the checks found. Absent: not known. */
export interface FaultFacts {
  readonly trustedKeys: string;
  readonly trustedOrigin: string;
  readonly seen?: { readonly size: number; readonly at: string } | undefined;
  readonly claims?: { readonly size: number; readonly origin: string } | undefined;
  readonly entry?: { readonly index: number } | undefined;
}

/** One message for each fault, so that they are never taken for each other. */
export function messageOf(fault: Fault, facts: FaultFacts): FaultMessage {
  const { seen, claims, entry } = facts;
  const now = claims ? count(claims.size) : 'fewer entries';
  const then = seen ? `the ${count(seen.size)} that this browser saw ${seen.at}` : 'an older one';
  switch (fault) {
    case 'edited':
      return {
        title: `Entry #${entry?.index ?? 0} was changed`,
        text: 'The signed log commits to other bytes at this place. Somebody changed the stored entry after it was recorded. What is shown of it can not be believed.',
      };
    case 'rolled-back':
      return {
        title: 'The log was rolled back',
        text: `Its newest checkpoint has ${now}, after ${then}. Entries at the end were removed, or the database is that of a backup.`,
      };
    case 'forked':
      return {
        title: 'The log was forked',
        text: `It has a valid signature, but does not begin with ${then}, which is signed as well: at least one of those entries is another one now. Somebody with the key of the log shows two histories.`,
      };
    case 'contradicted':
      return {
        title: 'The witnesses cosigned another log',
        text: `Witnesses of the policy signed a checkpoint of ${now}, which a key of this log signed as well, and the log that the service shows does not begin with it. It was rolled back or forked, or shows this browser another history than the witnesses.`,
      };
    case 'other-key':
      return {
        title: 'Another key signed the log',
        text: `None of the keys that this browser trusts signed the newest checkpoint: ${facts.trustedKeys}. Either the operator replaced the key, or somebody without it shows another log. Get the new key from the operator, not from this service, and enter it below.`,
      };
    case 'false-signature':
      return {
        title: 'The signature of the log is false',
        text: `The checkpoint names a trusted key (${facts.trustedKeys}), but that key did not sign this text: it was changed after it was signed.`,
      };
    case 'other-log':
      return {
        title: 'This is another log',
        text: `The checkpoint is of the log “${claims?.origin ?? ''}”, and this browser trusts the keys of “${facts.trustedOrigin}”.`,
      };
    case 'unreadable':
      return {
        title: 'The service has no checkpoint',
        text: 'What it returned is not a signed checkpoint. Nothing is proved.',
      };
    case 'cut':
      return {
        title: entry ? 'The proof of the entry is incomplete' : 'The proof is incomplete',
        text: 'What the service returned does not lead to its own signed checkpoint: hashes are missing, or were changed. That does not say that the log was changed, but nothing is proved. If it stays so, the service withholds part of the log.',
      };
  }
}

export function count(entries: number): string {
  return counted(entries, 'entry', 'entries');
}
