import { Button } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { saveEvidence } from '../../entries/save-evidence.js';
import { fragmentOf, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useKeys } from '../../shell/keys.js';
import { Waiting } from '../../shell/waiting.js';
import { Findings } from './findings.js';
import { TrustedKeys } from './trusted-keys.js';
import { useProof } from './use-proof.js';
import { Witnesses } from './witnesses.js';

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
  const whole = proof.data?.entry?.whole;
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
      {proof.error && <FailureMessage error={proof.error} onRetry={() => void proof.refetch()} />}
      {proof.data && (
        <div className="checked" data-entry={entryId} data-at={checkedAt}>
          <Findings proof={proof.data} />
          {proof.data.log.is === 'whole' && (
            <Witnesses proof={proof.data.witnesses} onChange={check} />
          )}
          <TrustedKeys keys={proof.data.keys} onChange={check} />
        </div>
      )}
      <p className="soft">
        The page comes from the service that it checks, and a service that lies can send a page that
        lies: compare the build in <a href={fragmentOf({ page: 'about' })}>About</a> with that of
        the release, or check the saved evidence without the service.
      </p>
    </section>
  );
}
