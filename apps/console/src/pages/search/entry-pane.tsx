import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import type { WholeEntry } from '../../api/schemas.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { SentenceText } from '../../entries/sentence.js';
import { wholeEntryQuery } from '../../entries/whole-entry.js';
import { copyText } from '../../shell/copy.js';
import { change } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { type Keys, useKeys } from '../../shell/keys.js';
import { say } from '../../shell/say.js';
import { usePartTitle } from '../../shell/use-title.js';
import { otherZone, useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { instant } from '../../time/format.js';
import { actorSubject, otherSubject, searchNear, useEntryActs } from './entry-acts.js';
import { Evidence } from './evidence.js';
import { addFilter } from './filter-bar.js';
import { type EntryPart, partsOf } from './entry-parts.js';
import type { FilterName } from './filters.js';

const REST_MS = 300;

/** Whether the pane is there for a while. Reading an entry is recorded, and a key that is held passes many. */
function useRests(): boolean {
  const [rests, setRests] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setRests(true);
    }, REST_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  return rests;
}

/** One entry whole: its sentence, its parts, what is near it, and its bytes. */
export function EntryPane({
  id,
  listed,
  onClose,
}: {
  /** The id, or the index. */
  readonly id: string;
  /** As the list has it, shown until the whole entry is there. */
  readonly listed?: ListedEntry | undefined;
  readonly onClose: () => void;
}): ReactNode {
  const api = useApi();
  const rests = useRests();
  const whole = useQuery({ ...wholeEntryQuery(api, id), enabled: rests || listed === undefined });
  const shown = whole.data ?? listed;
  const { verify, save, keys } = useEntryActs(shown);
  useKeys({ ...keys, ...VALUE_KEYS });
  return (
    <aside className="entry" aria-label="Entry">
      <header className="entry-head">
        <strong>{shown ? `Entry #${shown.index}` : 'Entry'}</strong>
        <span className="buttons at-end">
          {shown && (
            <>
              <Button
                size="small"
                onClick={verify}
                title="This browser checks that the log has these bytes. Key: v"
              >
                Verify
              </Button>
              <Button
                size="small"
                onClick={save}
                title="The bytes and the proof, as two files. Key: s"
              >
                Save evidence
              </Button>
            </>
          )}
          <Button size="small" onClick={onClose} title="Key: Escape">
            Close
          </Button>
        </span>
      </header>
      {whole.error && <FailureMessage error={whole.error} onRetry={() => void whole.refetch()} />}
      {shown?.isDamaged === true && (
        <p role="alert" className="failure">
          <strong>Changed in the database</strong>
          Somebody has changed this entry or its personal values in the database: they are not those
          that the log commits to.
        </p>
      )}
      {shown && <EntryText listed={shown} />}
      {whole.isFetching && <Waiting what="Reading the entry" />}
      {shown && <Neighbours listed={shown} />}
      {shown && partsOf(shown).map((group) => <Parts key={group.title} {...group} />)}
      {whole.data && <Near entry={whole.data} />}
      {whole.data && <Evidence entry={whole.data} />}
    </aside>
  );
}

function EntryText({ listed }: { readonly listed: ListedEntry }): ReactNode {
  const zone = useZone();
  const at = Date.parse(listed.entry.recordedAt);
  usePartTitle(`Entry #${listed.index}`);
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
  const { actor, token, request } = listed.entry;
  const near: [label: string, name: FilterName, value: string | undefined, key?: string][] = [
    ['Everything about this person', 'involvedSubject', actorSubject(listed), 'a'],
    ['Everything about the person it was done to', 'involvedSubject', otherSubject(listed), 'b'],
    ['This app', 'clientApp', actor.clientApp],
    ['This token', 'fingerprint', token?.fingerprint],
    ['This request', 'requestId', request?.id],
    ['Same session', 'tokenId', actor.tokenId],
  ];
  return (
    <p className="buttons">
      {near.map(
        ([label, name, value, key]) =>
          value !== undefined && (
            <Button
              key={label}
              size="small"
              {...(key !== undefined && { title: `The last 7 days. Key: ${key}` })}
              onClick={() => {
                searchNear(name, value);
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
                {part.filter && part.filter in OPPOSITES && (
                  <button
                    type="button"
                    aria-label={`Filter out ${part.name} ${part.value}`}
                    title="Filter out (x)"
                    onClick={({ currentTarget }) => {
                      filterOut(currentTarget);
                    }}
                  >
                    ≠
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
                    copy
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

const NO_VALUE = 'No value has the focus: Tab goes to the buttons of each value of an open entry.';

/** The part that an element is in. */
function partOf(element: Element | null): DOMStringMap {
  return element?.closest<HTMLElement>('dd[data-value]')?.dataset ?? {};
}

function filterFor(element: Element | null): void {
  const { name, value } = partOf(element);
  // Written by `Parts`.
  if (name !== undefined && value !== undefined) addFilter({ name: name as FilterName, value });
  else say(value === undefined ? NO_VALUE : 'There is no filter for this value.');
}

/** Filters that the service has an opposite of. */
const OPPOSITES: Readonly<Record<string, FilterName>> = {
  action: 'actionNot',
  actorSubject: 'actorSubjectNot',
};

function filterOut(element: Element | null): void {
  const { name = '', value } = partOf(element);
  const opposite = OPPOSITES[name];
  if (opposite !== undefined && value !== undefined) addFilter({ name: opposite, value });
  else say(value === undefined ? NO_VALUE : 'There is no filter that leaves out this value.');
}

function copyPart(element: Element | null): void {
  const { value } = partOf(element);
  if (value === undefined) say(NO_VALUE);
  else copyText(value);
}

/** Keys for the value whose button has the focus. */
export const VALUE_KEYS: Keys = {
  f: () => {
    filterFor(document.activeElement);
  },
  x: () => {
    filterOut(document.activeElement);
  },
  y: () => {
    copyPart(document.activeElement);
  },
};

const NEAR = { token: 'Same token', request: 'Same request', callerToken: 'Same session' } as const;

/** The entries next to this one, which the service sent with it. */
function Near({ entry }: { readonly entry: WholeEntry }): ReactNode {
  const { neighbours } = entry;
  const kinds = Object.keys(NEAR) as (keyof typeof NEAR)[]; // its own
  const found = kinds.filter((kind) => (neighbours?.[kind].length ?? 0) > 0);
  if (!neighbours || found.length === 0) return null;
  return (
    <section>
      {found.map((kind) => (
        <div key={kind}>
          <h3>{NEAR[kind]}</h3>
          <p className="buttons">
            {neighbours[kind].map(({ id, index, action, outcome }) => (
              <Button
                key={id}
                size="small"
                onClick={() => {
                  change({ entry: id }, { replaces: true });
                }}
              >
                <OutcomeSign outcome={outcome} /> #{index} {action}
              </Button>
            ))}
          </p>
        </div>
      ))}
    </section>
  );
}
