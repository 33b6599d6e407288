import { type AuditEntry, ReturnedValues, tryParseAuditEntry, verifyFolder } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { decodeEntryBundle, TILE_WIDTH, tileWidthAt } from '#libs/transparency-log';
import { confirm } from '../confirm.js';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { exportedErasures, isErasure } from './exported-erasures.js';
import { openCopy } from './open-copy.js';
import { type KeyOptions, readVerificationKeys } from './verification-keys.js';
import { print } from '../../standard-output.js';

export interface EraseAgainOptions extends OperatorOptions, KeyOptions {
  readonly folder?: string;
  readonly export?: string;
  readonly check?: true;
  readonly yes?: true;
}

/** Finds values that were erased and came back with a restore, and erases them again. */
export async function eraseAgain(
  options: EraseAgainOptions,
  composition: CompositionOptions,
): Promise<void> {
  const elsewhere = [...(await copied(options)), ...(await exported(options.export))];
  await withPart(auditPart, options.databaseUrl, composition, async (service) => {
    const context = { actor: operatorActor(options) };
    const returned = service.get(ReturnedValues);
    const persons = await returned.find(context, elsewhere);
    for (const { tenant, subject, rows } of persons)
      print(`${subject} of tenant ${tenant}: ${rows} rows of values are back`);
    if (persons.length === 0) {
      print('No erased value is back.');
      return;
    }
    if (options.check) {
      process.exitCode = 1;
      return;
    }
    await confirm(`Erase the values of ${persons.length} persons again?`, options);
    print(`Erased ${await returned.erase(context, persons)} rows of values again.`);
  });
}

/** The erasures of a copy of the log, which must be whole. */
async function copied(options: EraseAgainOptions): Promise<AuditEntry[]> {
  if (options.folder === undefined) return [];
  const folder = openCopy(options.folder);
  const { faults, size } = await verifyFolder({ ...readVerificationKeys(options), folder });
  if (faults.length > 0)
    throw new Error('The copy is not whole: acs-identity audit verify --folder names the fault.');
  const found: AuditEntry[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidthAt(0, index, size);
    const bundle = folder.bundle({ index, width });
    const leaves = bundle ? decodeEntryBundle(bundle, width) : [];
    found.push(
      ...leaves.flatMap((leaf) => tryParseAuditEntry(Buffer.from(leaf)) ?? []).filter(isErasure),
    );
  }
  return found;
}

async function exported(path: string | undefined): Promise<readonly AuditEntry[]> {
  if (path === undefined) return [];
  const { entries, erasures } = await exportedErasures(path);
  print(`${path}: read ${entries} entries, ${erasures.length} of them erasures.`);
  return erasures;
}
