import type { WholeEntry } from '../api/schemas.js';
import { saveFile } from '../shell/save-file.js';

/** Saves the bytes of an entry and its proof, as two files. Anybody can check them without the service. */
export function saveEvidence({ index, canonical, proof }: WholeEntry): void {
  saveFile(`entry-${index}.json`, canonical, 'application/json');
  if (proof !== undefined) saveFile(`entry-${index}.tlog-proof`, proof, 'text/plain');
}
