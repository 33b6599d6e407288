import type { ReactNode } from 'react';
import type { ListedEntry } from '../api/api.js';
import type { Person } from './people.js';
import { sentenceOf } from './sentences.js';

/** What an entry says. Texts of the log are shown as they are, never as HTML. */
export function SentenceText({ listed }: { readonly listed: ListedEntry }): ReactNode {
  return (
    <span className="sentence">
      {sentenceOf(listed).map((part, nth) => {
        if (typeof part === 'string') return part;
        if ('person' in part) return <PersonName key={nth} person={part.person} />;
        return (
          <span key={nth} className="value">
            {part.value}
          </span>
        );
      })}
    </span>
  );
}

export function PersonName({ person }: { readonly person: Person }): ReactNode {
  const title = [person.subject, person.tenant].filter(Boolean).join(' of ');
  return (
    <span className="person" title={title === '' ? undefined : title}>
      {person.text}
      {person.isErased && <span className="tag">name erased</span>}
    </span>
  );
}
