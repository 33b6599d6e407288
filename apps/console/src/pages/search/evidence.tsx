import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import type { WholeEntry } from '../../api/schemas.js';
import { copyText } from '../../shell/copy.js';

/** The bytes of an entry, which its proof covers. */
export function Evidence({ entry }: { readonly entry: WholeEntry }): ReactNode {
  const { canonical, leafHash } = entry;
  return (
    <section>
      <h3>Evidence</h3>
      <p className="soft hash">leaf hash {leafHash}</p>
      <details>
        <summary>Bytes of the log</summary>
        <p className="soft">Canonical JSON: its UTF-8 bytes are what the proof covers.</p>
        <p className="buttons">
          <Button
            size="small"
            onClick={() => {
              copyText(canonical);
            }}
          >
            Copy bytes
          </Button>
        </p>
        <pre tabIndex={0} aria-label="Bytes of the log">
          {canonical}
        </pre>
      </details>
    </section>
  );
}
