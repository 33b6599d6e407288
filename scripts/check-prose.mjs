// `npm run check`: idiom that a reader with good English has to read twice stays out of code and text.
// Prints file:line: word. The words and their reason are in CONTRIBUTING.md.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WORDS = [
  ...['told', 'tells', 'whoever', 'whomever', 'asked', 'goes on', 'go on', 'so many', 'in haste'],
  ...['by itself', 'by themselves', 'what is there', 'let go of', 'lets go of', 'vouch', 'vouches'],
  ...['dice', 'desk', 'lane', 'ledger', 'tally', 'hoard', 'hoards', 'seated', 'slip of the pen'],
];

/** Where a word is not ours to choose. */
const ALLOWED = [
  { word: 'tally', in: /^(libs\/audit\/src\/trail\/aggregating-recorder|docs\/audit-log\.md)/ }, // stored in audit entries
  { word: 'asked', in: /^libs\/identity-mapping\/src\/identity-administration\.service\.ts/ }, // stored in audit entries
  { word: 'asked', in: /^apps\/emulator\/src\/entra\/directory\.ts/ }, // the text of AADSTS650053
];

/** History, recorded figures, and this list. */
const SKIPPED = /^(CHANGELOG\.md|bench\/results\/|scripts\/check-prose\.mjs|CONTRIBUTING\.md)/;

const pattern = new RegExp(`\\b(${WORDS.join('|')})\\b`, 'gi');
const files = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !SKIPPED.test(file));

let count = 0;
for (const file of files) {
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    for (const [found] of line.matchAll(pattern)) {
      const word = found.toLowerCase();
      if (ALLOWED.some((one) => one.word === word && one.in.test(file))) continue;
      console.log(`${file}:${index + 1}: ${word}`);
      count += 1;
    }
  }
}
process.exitCode = count === 0 ? 0 : 1;
