import type { components } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { SentenceText } from '../../entries/sentence.js';
import { copyText } from '../../shell/copy.js';
import { go } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { otherZone, useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { instant } from '../../time/format.js';
import { addFilter } from './filter-bar.js';
import { type EntryPart, partsOf } from './entry-parts.js';
import type { FilterName } from './filters.js';

type WholeEntry = components['schemas']['WholeAuditEntry'];

/** One entry whole: its sentence, its parts, what is near it, and its bytes. */
export function EntryPane({
  id,
  listed,
  onClose,
}: {
  readonly id: string;
  /** As the list has it, shown until the whole entry is there. */
  readonly listed?: ListedEntry | undefined;
  readonly onClose: () => void;
}): ReactNode {
  const api = useApi();
  const whole = useQuery({
    queryKey: ['entry', id],
    queryFn: async ({ signal }): Promise<WholeEntry> =>
      api.json('GET', `/v1/audit/entries/${encodeURIComponent(id)}`, { signal }),
  });
  const shown = whole.data ?? listed;
  useKeys({
    f: () => {
      filterFor(document.activeElement);
    },
    y: () => {
      copyPart(document.activeElement);
    },
  });
  return (
    <aside className="entry" aria-label="Entry">
      <header className="entry-head">
        <strong>{shown ? `Entry #${shown.index}` : 'Entry'}</strong>
        <Button size="small" className="at-end" onClick={onClose} title="Key: Escape">
          Close
        </Button>
      </header>
      {whole.error && (
        <FailureMessage error={whole.error} onRetry={() => void whole.refetch()} />
      )}
      {shown && <EntryText listed={shown} />}
      {whole.isFetching && <Waiting what="Reading the entry" />}
      {shown && <Neighbours listed={shown} />}
      {shown && partsOf(shown).map((group) => <Parts key={group.title} {...group} />)}
      {whole.data && <Bytes canonical={whole.data.canonical} />}
    </aside>
  );
}

function EntryText({ listed }: { readonly listed: ListedEntry }): ReactNode {
  const zone = useZone();
  const at = Date.parse(listed.entry.recordedAt);
  useEffect(() => {
    document.title = `Entry #${listed.index} · Audit console`;
    return () => {
      document.title = 'Audit console';
    };
  }, [listed.index]);
  return (
    <>
      <h2 className="entry-sentence" aria-live="polite">
        <OutcomeSign outcome={listed.entry.outcome} /> <SentenceText listed={listed} />
      </h2>
      <p className="soft">
        {instant(at, zone)}
        {otherZone(zone) !== zone && <> = {instant(at, otherZone(zone))}</>}
      </p>
    </>
  );
}

/** Searches for what is near an entry. */
function Neighbours({ listed }: { readonly listed: ListedEntry }): ReactNode {
  const { actor, target, token } = listed.entry;
  const near: [label: string, name: FilterName, value: string | undefined][] = [
    ['Everything by this person', 'actorSubject', actor.subject],
    ['Everything on this person', 'targetSubject', target?.subject],
    ['This app', 'clientApp', actor.clientApp],
    ['This token', 'fingerprint', token?.fingerprint],
  ];
  return (
    <p className="buttons">
      {near.map(
        ([label, name, value]) =>
          value !== undefined && (
            <Button
              key={label}
              size="small"
              onClick={() => {
                go({
                  page: 'search',
                  parameters: new URLSearchParams({ range: '7d', [name]: value }),
                });
              }}
            >
              {label}
            </Button>
          ),
      )}
    </p>
  );
}

function Parts({
  title,
  parts,
}: {
  readonly title: string;
  readonly parts: readonly EntryPart[];
}): ReactNode {
  return (
    <section>
      <h3>{title}</h3>
      <dl className="parts">
        {parts.map((part) => (
          <div key={part.name} className="part">
            <dt>{part.name}</dt>
            <dd data-name={part.filter} data-value={part.value}>
              {part.isErased === true ? <span className="tag">erased</span> : part.value}
              <span className="part-buttons">
                {part.filter && (
                  <button
                    type="button"
                    aria-label={`Filter for ${part.name} ${part.value}`}
                    title="Filter for (f)"
                    onClick={({ currentTarget }) => {
                      filterFor(currentTarget);
                    }}
                  >
                    =
                  </button>
                )}
                {part.isErased !== true && (
                  <button
                    type="button"
                    aria-label={`Copy ${part.name}`}
                    title="Copy (y)"
                    onClick={({ currentTarget }) => {
                      copyPart(currentTarget);
                    }}
                  >
                    ⧉
                  </button>
                )}
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The part that an element is in. */
function partOf(element: Element | null): DOMStringMap {
  return element?.closest<HTMLElement>('dd[data-value]')?.dataset ?? {};
}

function filterFor(element: Element | null): void {
  const { name, value } = partOf(element);
  // Written by `Parts`.
  if (name !== undefined && value !== undefined) addFilter({ name: name as FilterName, value });
}

function copyPart(element: Element | null): void {
  const { value } = partOf(element);
  if (value !== undefined) copyText(value);
}

function Bytes({ canonical }: { readonly canonical: string }): ReactNode {
  return (
    <details>
      <summary>Bytes of the log</summary>
      <p className="soft">Canonical JSON: its UTF-8 bytes are what proofs cover.</p>
      <pre tabIndex={0} aria-label="Bytes of the log">
        {canonical}
      </pre>
      <Button
        size="small"
        onClick={() => {
          copyText(canonical);
        }}
      >
        Copy
      </Button>
    </details>
  );
}
