import { parseLogKeys } from '#libs/transparency-log';
import { Button, Field, Textarea } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { useZone } from '../../shell/use-zone.js';
import { instant } from '../../time/format.js';
import { pinKeys, type PinnedKeys } from './remembered.js';

/** The keys that this browser trusts, and how to trust others. */
export function TrustedKeys({
  keys,
  onChange,
  onForget,
}: {
  readonly keys: PinnedKeys;
  readonly onChange: () => void;
  readonly onForget: () => void;
}): ReactNode {
  const zone = useZone();
  const [entered, setEntered] = useState('');
  const [fault, setFault] = useState<string>();
  const pin = (): void => {
    if (!isKeyList(entered)) {
      setFault(
        'Lines of verifier keys: <origin>+<key id>+<base64>, as “acs-identity audit keys” prints them.',
      );
      return;
    }
    pinKeys(entered, 'person');
    setEntered('');
    setFault(undefined);
    onChange();
  };
  return (
    <details>
      <summary>Trusted keys</summary>
      <div className="trusted-keys">
        <p>
          {keys.by === 'person'
            ? 'Somebody entered these keys '
            : 'These are the keys that the service named at the first visit, '}
          {instant(Date.parse(keys.pinnedAt), zone)}.
        </p>
        <pre tabIndex={0} aria-label="Trusted keys">
          {keys.lines}
        </pre>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            pin();
          }}
        >
          <Field
            label="Keys from elsewhere, to trust instead"
            hint="from the operator of the log, on another way than this service"
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
            <Button type="submit">Trust these keys</Button>
            <Button onClick={onForget}>Forget everything…</Button>
          </p>
        </form>
      </div>
    </details>
  );
}

function isKeyList(text: string): boolean {
  try {
    return parseLogKeys(text.split('\n')).verifiers.length > 0;
  } catch {
    return false;
  }
}
