import { identitiesPart, type CompositionOptions } from '#libs/composition';
import { type ErasureReport, IdentityAdministrationService } from '#libs/identity-mapping';
import { confirm } from '../confirm.js';
import { nameOption } from '../name-option.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

export interface EraseOptions extends OperatorOptions {
  readonly tenant: string;
  readonly subject: string;
  readonly yes?: true;
}

/** Deletes a person's identities and prints what became of each. */
export async function erasePerson(
  options: EraseOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { databaseUrl } = options;
  const [tenant, subject] = [
    nameOption('tenant', options.tenant),
    nameOption('recordedSubject', options.subject),
  ];
  await confirm(`Delete all identities of ${subject} of tenant ${tenant}?`, options);
  const report = await withPart(identitiesPart, databaseUrl, composition, async (service) =>
    service.get(IdentityAdministrationService).erase({ tenant, subject }, operatorCall(options)),
  );
  printReport(report);
  if (!report.isComplete) process.exitCode = 1;
}

function printReport(report: ErasureReport): void {
  const { mappings, assignmentProblem, isComplete, effectiveWithinMinutes } = report;
  for (const { mapping, problem } of mappings) {
    const { resource, communicationUserId, status, deletedAt } = mapping;
    const when = deletedAt ? ` ${deletedAt.toISOString()}` : '';
    const why = problem === undefined ? '' : ` (${problem})`;
    print(`${resource} ${communicationUserId ?? 'pending'}: ${status}${when}${why}`);
  }
  if (assignmentProblem !== undefined) {
    print(`Teams Phone assignment: not deleted (${assignmentProblem})`);
  }
  print(
    isComplete
      ? `Done. ACS may accept tokens issued before for up to ${effectiveWithinMinutes} minutes.`
      : 'Not complete yet. The service continues in the background; repeat the command to see the progress.',
  );
}
