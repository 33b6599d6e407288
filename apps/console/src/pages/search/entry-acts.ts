import { useQueryClient } from '@tanstack/react-query';
import type { ListedEntry } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import { isSelf } from '../../entries/people.js';
import { saveEvidence } from '../../entries/save-evidence.js';
import { wholeEntryQuery } from '../../entries/whole-entry.js';
import { go } from '../../shell/address.js';
import type { Keys } from '../../shell/keys.js';
import { say } from '../../shell/say.js';
import type { FilterName } from './filters.js';

/** What can be done with an entry: the one that is open, or that of the marked row. */
export interface EntryActs {
  readonly verify: () => void;
  readonly save: () => void;
  readonly keys: Keys;
}

/** @param listed absent where no row is marked; the keys then say so */
export function useEntryActs(listed: ListedEntry | undefined): EntryActs {
  const api = useApi();
  const client = useQueryClient();
  const withEntry = (act: (entry: ListedEntry) => void) => (): void => {
    if (listed) act(listed);
    else say('There is no entry here to do this with.');
  };
  const verify = withEntry(({ entry }) => {
    go({ page: 'proof', parameters: new URLSearchParams({ entry: entry.id }) });
  });
  const save = withEntry(({ entry, index }) => {
    client
      .query({ ...wholeEntryQuery(api, entry.id), staleTime: Infinity })
      .then(saveEvidence, (cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        say(`The evidence of #${index} is not saved: ${why}`);
      });
  });
  const about = (subjectOf: typeof actorSubject, otherwise: string): (() => void) =>
    withEntry((entry) => {
      const subject = subjectOf(entry);
      if (subject === undefined) say(otherwise);
      else searchNear('involvedSubject', subject);
    });
  return {
    verify,
    save,
    keys: {
      v: verify,
      s: save,
      a: about(actorSubject, 'The log does not know a person who acted in this entry.'),
      b: about(otherSubject, 'This entry was done to nobody else.'),
    },
  };
}

export function actorSubject({ entry }: ListedEntry): string | undefined {
  return entry.actor.subject;
}

/** The person that something was done to, unless they did it themselves. */
export function otherSubject({ entry }: ListedEntry): string | undefined {
  return isSelf(entry) ? undefined : entry.target?.subject;
}

/** What has the same value, in the last 7 days. */
export function searchNear(name: FilterName, value: string): void {
  go({ page: 'search', parameters: new URLSearchParams({ range: '7d', [name]: value }) });
}
