import { LogRetention } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { Database } from '#libs/platform';
import { confirm } from '../confirm.js';
import { ownerEnvironment } from '../database.js';
import { requireOwner } from '../require-owner.js';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

export interface RetainOptions extends OperatorOptions {
  readonly before: Date;
  readonly yes?: true;
}

/** Drops entries whose retention time is over. */
export async function retainEntries(
  options: RetainOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { before, databaseUrl } = options;
  await confirm(`Drop entries of months before ${before.toISOString().slice(0, 10)}?`, options);
  const { partitions, firstIndex, receipt } = await withPart(
    auditPart,
    databaseUrl,
    composition,
    async (service) => {
      await requireOwner(service.get<Database>(Database));
      return service.get(LogRetention).retire(before, operatorActor(options));
    },
    ownerEnvironment(),
  );
  if (receipt === undefined) {
    print('Nothing is that old.');
    return;
  }
  print(
    `Dropped ${partitions.join(', ')}: entries below ${firstIndex} have no bodies any more. Recorded as entry ${receipt.index}.`,
  );
}
