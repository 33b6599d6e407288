// `npm run test:mutation -- <part> [options of stryker run]`: tests the mutants of one part, and keeps its score in
// bench/results/mutation.md. Fails below a score of 85 %.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { PARTS } from '../test/mutation/parts.mjs';

const RESULTS = 'bench/results/mutation.md';
const HEADER = '| Part | Mutants | Killed | Timeout | Survived | No coverage | Score | Date |';

const [name = '', ...options] = process.argv.slice(2);
if (!Object.hasOwn(PARTS, name)) {
  console.error(`Name a part: npm run test:mutation -- ${Object.keys(PARTS).join(' | ')}`);
  process.exit(2);
}
const report = `reports/mutation/${name}/report.json`;
rmSync(report, { force: true });
const { status } = spawnSync('stryker', ['run', ...options], {
  stdio: 'inherit',
  env: {
    ...process.env,
    MUTATION_PART: name,
    MUTATION_DATABASE: PARTS[name].needsDatabase ? 'yes' : 'no',
  },
});
if (existsSync(report)) keep(name, JSON.parse(readFileSync(report, 'utf8')));
process.exitCode = status ?? 1;

/** Replaces the row of the part, or adds one. */
function keep(part, { files }) {
  const mutants = Object.values(files).flatMap((file) => file.mutants);
  const count = (...states) => mutants.filter((mutant) => states.includes(mutant.status)).length;
  const [killed, timeout] = [count('Killed'), count('Timeout')];
  const [survived, uncovered] = [count('Survived'), count('NoCoverage')];
  const valid = killed + timeout + survived + uncovered;
  const score = ((100 * (killed + timeout)) / valid).toFixed(1);
  const date = new Date().toISOString().slice(0, 10);
  const row = `| ${part} | ${valid} | ${killed} | ${timeout} | ${survived} | ${uncovered} | ${score} % | ${date} |`;
  const lines = readFileSync(RESULTS, 'utf8').split('\n');
  const known = lines.findIndex((line) => line.startsWith(`| ${part} |`));
  if (known >= 0) lines[known] = row;
  else lines.splice(lines.indexOf(HEADER) + 2, 0, row);
  writeFileSync(RESULTS, lines.join('\n'));
  console.log(`${part}: ${score} %, kept in ${RESULTS}`);
}
