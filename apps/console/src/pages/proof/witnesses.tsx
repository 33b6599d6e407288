import { WitnessPolicy } from '#libs/transparency-log';
import { Button, Field, Textarea } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import type { AuditHealth } from '../../api/schemas.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { saveFile } from '../../shell/save-file.js';
import { useZone } from '../../shell/use-zone.js';
import { instant, relative, span } from '../../time/format.js';
import { type CosignedBy, MAX_QUORUM_AGE_MS, type WitnessVerdict } from './check-witnesses.js';
import { FaultFound } from './findings.js';
import { count } from './messages.js';
import { type Part, valueOf } from './part.js';
import { pinPolicy, type PinnedPolicy } from './remembered.js';
import type { WitnessProof } from './use-proof.js';

type KnownWitness = NonNullable<AuditHealth['witnesses']>['items'][number];

/** Who else has seen this log: each witness, and whether they are the quorum of the policy. */
export function Witnesses({
  part,
  onChange,
}: {
  readonly part: Part<WitnessProof | undefined> | undefined;
  readonly onChange: () => void;
}): ReactNode {
  if (part && 'error' in part)
    return (
      <section className="witnesses" aria-label="Witnesses">
        <h2>Witnesses</h2>
        <FailureMessage key={part.error.message} error={part.error} onRetry={onChange} />
      </section>
    );
  const proof = valueOf(part);
  return (
    <section className="witnesses" aria-label="Witnesses" data-witnesses={proof?.verdict.is}>
      <h2>Witnesses</h2>
      {proof ? (
        <>
          <Verdict verdict={proof.verdict} />
          <ul className="cosigners">
            {witnessesOf(proof).map(({ known, ...cosigned }) => (
              <Witness key={cosigned.name} cosigned={cosigned} known={known} />
            ))}
          </ul>
        </>
      ) : (
        <p className="soft">
          No policy of witnesses is known here: nobody but the service says that there is one log
          only.
        </p>
      )}
      <TrustedPolicy policy={proof?.policy} named={proof?.known?.policy} onChange={onChange} />
    </section>
  );
}

function Verdict({ verdict }: { readonly verdict: WitnessVerdict }): ReactNode {
  switch (verdict.is) {
    case 'witnessed':
      return (
        <p>
          <OutcomeSign outcome="success" /> <strong>Quorum.</strong> Enough witnesses of the policy
          cosigned the first {count(verdict.size)}, and the log begins with them.
        </p>
      );
    case 'too-old':
      return (
        <p role="alert">
          <OutcomeSign outcome="failure" /> <strong>No quorum of late.</strong> Enough witnesses of
          the policy cosigned the first {count(verdict.size)}, and the log begins with them, but
          more than {span(MAX_QUORUM_AGE_MS)} ago by the clock of this computer. Nobody outside
          confirms what was added since: the log that others see may be another one.
        </p>
      );
    case 'no-quorum':
      return (
        <p role="alert">
          <OutcomeSign outcome="failure" /> <strong>No quorum.</strong> Too few witnesses of the
          policy cosigned the first {count(verdict.size)}. That does not say that the log is not
          whole, but nobody outside confirms it.
        </p>
      );
    case 'none':
      return (
        <p role="alert">
          <OutcomeSign outcome="failure" /> <strong>No quorum.</strong> The service shows no
          checkpoint that witnesses cosigned.
        </p>
      );
    case 'unsigned':
      return (
        <p role="alert">
          <OutcomeSign outcome="failure" /> <strong>Not of this log.</strong> No key that this
          browser trusts signed the checkpoint that the service shows as cosigned.
        </p>
      );
    case 'cut':
      return <FaultFound fault="cut" facts={{ trustedKeys: '', trustedOrigin: '' }} />;
    case 'contradicted':
      return (
        <FaultFound
          fault="contradicted"
          facts={{
            trustedKeys: '',
            trustedOrigin: '',
            claims: { size: verdict.size, origin: '' },
          }}
        >
          <p>
            <Button
              onClick={() => {
                saveFile('checkpoint-witnessed.txt', verdict.note, 'text/plain');
              }}
            >
              Save what they cosigned
            </Button>
          </p>
        </FaultFound>
      );
  }
}

function Witness({
  cosigned: { name, at },
  known,
}: {
  readonly cosigned: CosignedBy;
  readonly known: KnownWitness | undefined;
}): ReactNode {
  const zone = useZone();
  const failing = known?.failingSince;
  return (
    <li>
      <OutcomeSign outcome={at === undefined ? 'failure' : 'success'} />
      <span>
        <strong>{name}</strong>{' '}
        {at === undefined
          ? 'did not cosign this checkpoint.'
          : `cosigned it ${relative(at, Date.now())}, at ${instant(at, zone)}.`}
        {known && (
          <span className="soft">
            {' '}
            The service says:{' '}
            {known.cosignedSize === 0
              ? 'it has cosigned nothing'
              : `the last size it cosigned is ${known.cosignedSize.toLocaleString('en')}`}
            {known.failure !== undefined && `, ${known.failure}`}
            {failing !== undefined && ` since ${instant(Date.parse(failing), zone)}`}.
          </span>
        )}
      </span>
    </li>
  );
}

/** The policy that this browser requires, and how to require another one. */
function TrustedPolicy({
  policy,
  named,
  onChange,
}: {
  readonly policy: PinnedPolicy | undefined;
  readonly named: string | undefined;
  readonly onChange: () => void;
}): ReactNode {
  const zone = useZone();
  const [entered, setEntered] = useState('');
  const [fault, setFault] = useState<string>();
  const isOther = policy !== undefined && named !== undefined && named.trim() !== policy.text;
  return (
    <details>
      <summary>Policy of the witnesses</summary>
      <div className="trusted-keys">
        {policy && (
          <p>
            {policy.by === 'person'
              ? 'Somebody entered this policy '
              : 'This is the policy that the service named at the first visit, '}
            {instant(Date.parse(policy.pinnedAt), zone)}.
            {isOther && ' The service names another one now.'}
          </p>
        )}
        {policy && (
          <pre tabIndex={0} aria-label="Policy of the witnesses">
            {policy.text}
          </pre>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const wrong = faultOf(entered);
            setFault(wrong);
            if (wrong !== undefined) return;
            pinPolicy(entered, 'person');
            setEntered('');
            onChange();
          }}
        >
          <Field
            label="Policy from elsewhere, to require instead"
            hint="a file of the format C2SP tlog-policy, from the witnesses or your own team"
            {...(fault !== undefined && { validationMessage: fault })}
          >
            <Textarea
              value={entered}
              spellCheck={false}
              onChange={(_event, { value }) => {
                setEntered(value);
              }}
            />
          </Field>
          <p className="buttons">
            <Button type="submit">Require this policy</Button>
          </p>
        </form>
      </div>
    </details>
  );
}

function witnessesOf({
  policy,
  verdict,
  known,
}: WitnessProof): (CosignedBy & { readonly known: KnownWitness | undefined })[] {
  const cosigned: readonly CosignedBy[] =
    'cosigned' in verdict
      ? verdict.cosigned
      : WitnessPolicy.parse(policy.text).witnesses.map(({ name }) => ({ name, at: undefined }));
  return cosigned.map((one) => ({
    ...one,
    known: known?.items.find(({ name }) => name === one.name),
  }));
}

function faultOf(text: string): string | undefined {
  try {
    WitnessPolicy.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
