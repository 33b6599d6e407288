import type { ReactNode } from 'react';
import type { EntryVerdict, PathStep } from './check-entry.js';
import { hexOf } from './remembered.js';

/** How the hash of an entry leads to the root that the log signed, step by step. */
export function ProofPath({
  index,
  included: { leafHash, path, size },
}: {
  readonly index: number;
  readonly included: EntryVerdict & { readonly is: 'included' };
}): ReactNode {
  return (
    <section className="checked" aria-label="From the entry to the root">
      <h2>From the entry to the root</h2>
      <p className="soft">
        Each line is the SHA-256 of the one above and of a hash of the proof, on its left or right.
        Another entry, another place or another hash would lead to another root.
      </p>
      <ol className="path">
        <li>
          <strong>entry #{index}</strong> <Hash of={leafHash} />
        </li>
        {path.map((step, nth) => (
          <li key={nth}>
            <Combined step={step} />
            {nth === path.length - 1 && (
              <strong> root of {size.toLocaleString('en')} entries</strong>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Combined({ step: { side, sibling, result } }: { readonly step: PathStep }): ReactNode {
  const above = <span className="soft">above</span>;
  return (
    <>
      SHA-256 ( {side === 'left' ? <Hash of={sibling} /> : above},{' '}
      {side === 'left' ? above : <Hash of={sibling} />} ) = <Hash of={result} />
    </>
  );
}

/** The first eight digits: enough to compare by eye, with all of them in the tooltip. */
function Hash({ of }: { readonly of: Uint8Array }): ReactNode {
  const text = hexOf(of);
  return (
    <code className="hash" title={text}>
      {text.slice(0, 8)}
    </code>
  );
}
