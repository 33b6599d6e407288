import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import type { Entry } from '../../api/api.js';
import type { WholeEntry } from '../../api/schemas.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { SentenceText } from '../../entries/sentence.js';
import { saveFile } from '../../shell/save-file.js';
import { keepsAll } from '../../shell/storage.js';
import { useZone } from '../../shell/use-zone.js';
import { instant } from '../../time/format.js';
import { keyIdsOf, originOf } from './check-log.js';
import { count, type Fault, type FaultFacts, messageOf } from './messages.js';
import { ProofPath } from './proof-path.js';
import { hexOf } from './remembered.js';
import { valueOf } from './part.js';
import type { Proof } from './use-proof.js';

/** What the checks found, in sentences: each that passed, or the one fault. */
export function Findings({ proof }: { readonly proof: Proof }): ReactNode {
  const zone = useZone();
  const { keys, seen, log } = proof;
  const entry = valueOf(proof.entry);
  const seenAt = seen && instant(Date.parse(seen.seenAt), zone);
  const facts = (claims: FaultFacts['claims']): FaultFacts => ({
    trustedKeys: keyIdsOf(keys.lines).join(', '),
    trustedOrigin: originOf(keys.lines),
    seen: seen && { size: seen.size, at: seenAt ?? '' },
    claims,
  });
  if (log.is !== 'whole')
    return (
      <FaultFound fault={log.is} facts={facts(log.claims)}>
        <p>Nothing of what this browser remembers was overwritten.</p>
        <p>
          <Button
            onClick={() => {
              saveFile('checkpoint-now.txt', log.note, 'text/plain');
              if (seen) saveFile('checkpoint-seen.txt', seen.note, 'text/plain');
            }}
          >
            {seen ? 'Save both checkpoints' : 'Save the checkpoint'}
          </Button>
        </p>
      </FaultFound>
    );
  const { size, root, keyId, origin } = log.checkpoint;
  return (
    <>
      <ul className="checks" aria-label="Checked in this browser">
        <Check title="Signed">
          The newest checkpoint of “{origin}” has {count(size)}. The key …{keyId} signed it, which
          this browser trusts since {instant(Date.parse(keys.pinnedAt), zone)},{' '}
          {keys.by === 'person' ? 'because somebody entered it' : 'its first visit'}.
        </Check>
        {seen ? (
          <Check title="Continued">
            It begins with the {count(seen.size)} that this browser saw {seenAt}
            {size > seen.size && `, and added ${count(size - seen.size)}`}.
          </Check>
        ) : (
          <Check title="Remembered">
            This browser sees the log for the first time.{' '}
            {keepsAll() ? 'From now on' : 'Until the page is closed,'} it recognises whether the log
            continues these {count(size)}.
          </Check>
        )}
        {entry?.verdict.is === 'included' && (
          <Check title="Contained">
            Entry #{entry.whole.index} is in the log, byte by byte: “
            <SentenceText listed={{ ...entry.whole, entry: committedEntry(entry.whole) }} />”
          </Check>
        )}
      </ul>
      {entry && entry.verdict.is !== 'included' && (
        <FaultFound
          fault={entry.verdict.is}
          facts={{ ...facts(log.checkpoint), entry: { index: entry.whole.index } }}
        />
      )}
      {entry?.verdict.is === 'included' && (
        <ProofPath index={entry.whole.index} included={entry.verdict} />
      )}
      {!proof.entry && <p className="soft hash">root {hexOf(root)}</p>}
    </>
  );
}

function Check({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <li>
      <OutcomeSign outcome="success" />
      <span>
        <strong>{title}.</strong> {children}
      </span>
    </li>
  );
}

export function FaultFound({
  fault,
  facts,
  children,
}: {
  readonly fault: Fault;
  readonly facts: FaultFacts;
  readonly children?: ReactNode;
}): ReactNode {
  const { title, text } = messageOf(fault, facts);
  return (
    <section className="failure" role="alert" data-fault={fault}>
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </section>
  );
}

/** The entry as the proved bytes have it, and not as the service shows it. */
function committedEntry({ canonical }: WholeEntry): Entry {
  return JSON.parse(canonical) as Entry; // the log has these bytes, which the service encoded
}
