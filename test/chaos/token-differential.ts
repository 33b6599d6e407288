/**
 * Holds the verification of access tokens against jose's over random mutations of good tokens.
 *
 * Usage: node dist/test/chaos/token-differential.js [--count 100000] [--seed 1]
 *
 * Fails when the service accepts a token that jose refuses. The seed repeats a run, but for the
 * keys, which are new each time.
 */
import { parseArgs } from 'node:util';
import { compareWithJose } from '../security/differential.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});

const count = Number(values.count);
const { accepted, refused, tooLenient } = await compareWithJose({
  count,
  seed: Number(values.seed),
});
console.log(
  `${count} mutations, seed ${values.seed}: both accept ${accepted}, refused ${refused}, too lenient ${tooLenient.length}`,
);
for (const token of tooLenient.slice(0, 20)) console.log(`  ${token}`);
process.exitCode = tooLenient.length === 0 && accepted > 0 ? 0 : 1;
