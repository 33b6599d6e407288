import { AuditLogService } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { confirm } from '../confirm.js';
import { counted } from '../counted.js';
import { nameOption } from '../name-option.js';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

export interface EraseOptions extends OperatorOptions {
  readonly tenant: string;
  readonly subject: string;
  readonly reason?: string;
  readonly yes?: true;
}

/** Erases personal data at the request of the person. */
export async function erasePersonalData(
  options: EraseOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { reason, databaseUrl } = options;
  const [tenant, subject] = [
    nameOption('tenant', options.tenant),
    nameOption('recordedSubject', options.subject),
  ];
  await confirm(`Erase the values of ${subject} of tenant ${tenant}?`, options);
  const person = { tenant, subject, ...(reason !== undefined && { reason }) };
  const { receipt, rows } = await withPart(auditPart, databaseUrl, composition, async (service) =>
    service.get(AuditLogService).erase({ actor: operatorActor(options) }, person),
  );
  print(`Erased ${counted(rows, 'row')} of values. Recorded as entry ${receipt.index}.`);
}
