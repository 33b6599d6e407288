import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { copyText } from '../../shell/copy.js';
import { useKeys } from '../../shell/keys.js';
import type { WholeEntry } from '../../api/schemas.js';
import { saveEvidence } from '../../entries/save-evidence.js';
import { go } from '../../shell/address.js';

/** The bytes of an entry and the proof that the log has them, to look at and to give away. */
export function Evidence({ entry }: { readonly entry: WholeEntry }): ReactNode {
  const { canonical, leafHash } = entry;
  const save = (): void => {
    saveEvidence(entry);
  };
  const verify = (): void => {
    go({ page: 'proof', parameters: new URLSearchParams({ entry: entry.entry.id }) });
  };
  useKeys({ s: save, v: verify });
  return (
    <section>
      <h3>Evidence</h3>
      <p className="buttons">
        <Button
          size="small"
          onClick={verify}
          title="This browser checks that the log has these bytes. Key: v"
        >
          Verify
        </Button>
        <Button size="small" onClick={save} title="The bytes and the proof, as two files. Key: s">
          Save evidence
        </Button>
        <Button
          size="small"
          onClick={() => {
            copyText(canonical);
          }}
        >
          Copy bytes
        </Button>
      </p>
      <p className="soft hash">leaf hash {leafHash}</p>
      <details>
        <summary>Bytes of the log</summary>
        <p className="soft">Canonical JSON: its UTF-8 bytes are what the proof covers.</p>
        <pre tabIndex={0} aria-label="Bytes of the log">
          {canonical}
        </pre>
      </details>
    </section>
  );
}
