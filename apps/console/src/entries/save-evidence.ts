import type { WholeEntry } from '../api/schemas.js';
import { saveFile } from '../shell/save-file.js';
import { say } from '../shell/say.js';

/** Saves the bytes of an entry and its proof, as two files. Anybody can check them without the service. */
export function saveEvidence({ index, canonical, proof }: WholeEntry): void {
  const entry = `entry-${index}.json`;
  saveFile(entry, canonical, 'application/json');
  if (proof === undefined) {
    say(`Saved ${entry} alone: the log has no proof of it yet`);
    return;
  }
  saveFile(`entry-${index}.tlog-proof`, proof, 'text/plain');
  say(`Saved ${entry} and its proof`);
}
