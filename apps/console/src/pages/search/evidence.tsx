import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { copyText } from '../../shell/copy.js';
import { useKeys } from '../../shell/keys.js';
import { saveFile } from '../../shell/save-file.js';
import type { WholeEntry } from '../../api/schemas.js';

/** The bytes of an entry and the proof that the log has them, to look at and to give away. */
export function Evidence({ entry }: { readonly entry: WholeEntry }): ReactNode {
  const { canonical, proof, index, leafHash } = entry;
  const save = (): void => {
    saveFile(`entry-${index}.json`, canonical, 'application/json');
    if (proof !== undefined) saveFile(`entry-${index}.tlog-proof`, proof, 'text/plain');
  };
  useKeys({ s: save });
  return (
    <section>
      <h3>Evidence</h3>
      <p className="buttons">
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
