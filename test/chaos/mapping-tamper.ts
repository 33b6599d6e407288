import { DataSource } from 'typeorm';
import { openTestLog } from '#libs/audit/testing';
import { MappingCheck } from '#libs/identity-mapping';
import { RecordedMappings } from '#libs/identity-mapping/testing';
import { Database, dataSourceOptions } from '#libs/platform';
import { cloneDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../support/test-cluster.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { MappingEdits } from './support/mapping-edits.js';

const { count, prng } = startCampaign({
  name: 'mapping-tamper',
  description: `Changes rows of the table of mappings as the database's superuser, one random edit at a time, and
checks that the check against the audit log names every changed row. Every edit is rolled back.`,
  count: { of: 'edits', byDefault: 300 },
});

const cluster = await startTestCluster();
const database = await cloneDatabase(cluster);
const log = await openTestLog(database.serviceUrl);
const mappings = new RecordedMappings(log);
for (let nth = 0; nth < 3; nth += 1) await mappings.addEveryState();
const dataSource = new DataSource(
  dataSourceOptions({ url: database.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
);
await dataSource.initialize();
const check = new MappingCheck(new Database(dataSource));
const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
const trust = { origin: log.settings.origin, verifiers, known: [] };

const intact = await check.run(trust);
if (intact.log.faults.length + intact.differenceCount + intact.unchecked > 0) {
  throw new Error(`a difference before any edit: ${JSON.stringify(intact.differences)}`);
}
const edits = await MappingEdits.open(dataSource, prng);

let done = 0;
const failures: string[] = [];
const timesByEdit = new Map<string, number>();
while (done < count) {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    const tampering = await edits.edit(runner);
    if (!tampering) continue;
    const { differences } = await check.runIn(runner.manager, trust);
    const found = new Set(differences.map(({ mapping }) => mapping));
    const missed = tampering.ids.filter((id) => !found.has(id));
    if (missed.length > 0) failures.push(`${tampering.what}: ${missed.join(', ')}`);
    const [kind = ''] = tampering.what.split(':');
    timesByEdit.set(kind, (timesByEdit.get(kind) ?? 0) + 1);
    done += 1;
    if (done % 100 === 0) console.log(`${done} edits, ${failures.length} failures`);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}
for (const [kind, times] of [...timesByEdit].sort()) console.log(`  ${kind}: ${times}`);
await log.close();
await dataSource.destroy();
await cluster.remove();
process.exitCode = finishCampaign(done - failures.length, failures);
