import { Button } from '@fluentui/react-components';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { saveEvidence } from '../../entries/save-evidence.js';
import { fragmentOf, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { NotKept } from '../../shell/not-kept.js';
import { Waiting } from '../../shell/waiting.js';
import { Findings } from './findings.js';
import { valueOf } from './part.js';
import { forget, UnreadableMemory } from './remembered.js';
import { TrustedKeys } from './trusted-keys.js';
import { useProof } from './use-proof.js';
import { Witnesses } from './witnesses.js';

const ConfirmDialog = lazy(async () => import('../../shell/confirm-dialog.js'));

/**
 * Whether the log is whole, continues what this browser saw, and has an entry: checked here, with nothing
 * that the service says taken on trust but what was pinned before.
 */
export default function ProofPage(): ReactNode {
  const entryId = useAddress().parameters.get('entry') ?? undefined;
  const [checkedAt, setCheckedAt] = useState(Date.now);
  const proof = useProof(entryId, checkedAt);
  const check = (): void => {
    setCheckedAt(Date.now());
  };
  const [isForgetting, setIsForgetting] = useState<boolean>();
  const askForget = (): void => {
    setIsForgetting(true);
  };
  const entry = proof.data?.entry;
  const whole = valueOf(entry)?.whole;
  useKeys({
    '.': check,
    ...(whole && {
      s: () => {
        saveEvidence(whole);
      },
    }),
  });
  return (
    <section className="page" aria-label="Proof">
      <h1>{entryId === undefined ? 'Is the log whole?' : 'Is this entry in the log?'}</h1>
      <p className="buttons">
        <Button onClick={check} title="Key: .">
          Check again
        </Button>
        {whole && (
          <Button
            onClick={() => {
              saveEvidence(whole);
            }}
            title="The bytes and the proof, as two files. Key: s"
          >
            Save evidence
          </Button>
        )}
      </p>
      {proof.isFetching && <Waiting what="Checking" />}
      {proof.error instanceof UnreadableMemory && (
        <NothingToCompareWith kept={proof.error.kept} onForget={askForget} />
      )}
      {proof.error && !(proof.error instanceof UnreadableMemory) && (
        <FailureMessage error={proof.error} onRetry={() => void proof.refetch()} />
      )}
      <NotKept />
      {proof.data && (
        <div className="checked" data-entry={entryId} data-at={checkedAt}>
          <Findings proof={proof.data} />
          {entry && 'error' in entry && (
            <FailureMessage key={entry.error.message} error={entry.error} onRetry={check} />
          )}
          {proof.data.log.is === 'whole' && (
            <Witnesses part={proof.data.witnesses} onChange={check} />
          )}
          <TrustedKeys keys={proof.data.keys} onChange={check} onForget={askForget} />
        </div>
      )}
      <p className="soft">
        The page comes from the service that it checks, and a service that lies can send a page that
        lies: compare the build in <a href={fragmentOf({ page: 'about' })}>About</a> with that of
        the release, or check the saved evidence without the service.
      </p>
      {/* Of the page, which stays: a dialog that vanishes while it is open hides the page from screen readers. */}
      {isForgetting !== undefined && (
        <Suspense>
          <ConfirmDialog
            isOpen={isForgetting}
            title="Forget the keys and checkpoints?"
            effect="The next visit is the first one: a log that was rolled back or forked until then is not recognised."
            typed={{ text: 'forget', what: 'this word' }}
            action="Forget"
            isBusy={false}
            error={null}
            onConfirm={() => {
              forget();
              setIsForgetting(false);
              check();
            }}
            onClose={() => {
              setIsForgetting(false);
            }}
          />
        </Suspense>
      )}
    </section>
  );
}

/** In place of a first visit that nobody would notice. */
function NothingToCompareWith({
  kept,
  onForget,
}: {
  readonly kept: string;
  readonly onForget: () => void;
}): ReactNode {
  return (
    <section className="failure" role="alert">
      <strong>What this browser remembers of the log is not readable</strong>
      <p>
        The console has not written “{kept}” in the storage of this browser as it is now. The log
        was not checked, because a rollback or a fork would not be recognised. Verify saved evidence
        without this browser, or forget what is remembered and begin anew.
      </p>
      <p>
        <Button onClick={onForget}>Forget everything…</Button>
      </p>
    </section>
  );
}
