// `npm run check`: idiom that a reader with good English has to read twice stays out of code and text,
// also as a part of a name, such as toldRight. Prints file:line: word.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WORDS = [
  ...['tell', 'tells', 'told', 'whoever', 'whomever', 'asked', 'so many', 'in haste'],
  ...['go on', 'goes on', 'going on', 'by itself', 'by themselves', 'what is there'],
  ...['let go of', 'lets go of', 'vouch', 'vouches', 'dice', 'desk', 'lane', 'lanes', 'ledger'],
  ...['tally', 'hoard', 'hoards', 'seat', 'seated', 'wish', 'wishes', 'troubles', 'patience'],
  ...['last net', 'slip of the pen'],
];

/** Where a word is not ours to choose. */
const ALLOWED = [
  { word: 'tally', in: /^(libs\/audit\/src\/trail\/aggregating-recorder|docs\/audit-log\.md)/ }, // stored in audit entries
  { word: 'asked', in: /^libs\/identity-mapping\/src\/identity-administration\.service\.ts/ }, // stored in audit entries
  { word: 'asked', in: /^apps\/emulator\/src\/entra\/directory\.ts/ }, // the text of AADSTS650053
];

/** History, recorded figures, and this list. */
const SKIPPED = /^(CHANGELOG\.md|bench\/results\/|scripts\/check-prose\.mjs|CONTRIBUTING\.md)/;

// The words of a phrase may be in two lines of a comment.
const phrases = WORDS.map((phrase) => phrase.replaceAll(' ', '\\s+(?:(?:\\*|//)\\s*)?'));
const pattern = new RegExp(`(?<![a-z])(?:${phrases.join('|')})(?![a-z])`, 'gi');

/** Separates the words of names. */
function separated(text) {
  return text
    .replaceAll(/[a-z](?=[A-Z])/g, (letter) => `${letter}\u0000`)
    .replaceAll('_', '\u0000');
}

const files = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !SKIPPED.test(file));

const counts = new Map();
for (const file of files) {
  const text = separated(readFileSync(file, 'utf8'));
  for (const { 0: found, index } of text.matchAll(pattern)) {
    const word = found.toLowerCase().replaceAll(/\s+(?:(?:\*|\/\/)\s*)?/g, ' ');
    if (ALLOWED.some((one) => one.word === word && one.in.test(file))) continue;
    console.log(`${file}:${text.slice(0, index).split('\n').length}: ${word}`);
    const [folder, name] = file.split('/');
    const part = ['apps', 'libs'].includes(folder) ? `${folder}/${name}` : folder;
    counts.set(part, (counts.get(part) ?? 0) + 1);
  }
}
for (const [part, count] of counts) console.log(`${part}: ${count}`);
process.exitCode = counts.size === 0 ? 0 : 1;
