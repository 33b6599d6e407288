import { teamsPhonePart, type CompositionOptions } from '#libs/composition';
import { type AssignmentDifference, AssignmentReconciliation } from '#libs/teams-phone';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { tenantOption } from './tenant-option.js';
import { print } from '../../standard-output.js';

export interface ReconcileOptions extends OperatorOptions {
  readonly tenant?: string;
  readonly repair?: true;
}

/** Compares assignments with ACS and prints what differs. */
export async function reconcileAssignments(
  options: ReconcileOptions,
  composition: CompositionOptions,
): Promise<void> {
  const tenant = options.tenant === undefined ? undefined : tenantOption(options.tenant);
  const report = await withPart(teamsPhonePart, options.databaseUrl, composition, async (service) =>
    service
      .get(AssignmentReconciliation)
      .reconcile({ tenant, isRepairing: options.repair === true }, operatorCall(options)),
  );
  for (const difference of report.differences) print(lineOf(difference));
  const left = report.differences.filter(isLeft).length;
  print(`${report.compared} compared, ${report.differences.length} differ, ${left} left.`);
  if (left > 0) process.exitCode = 1;
}

/** Nothing is left to do about a deleted assignment of a resource that is no longer configured. */
function isLeft({ kind, assignment, isRepaired }: AssignmentDifference): boolean {
  const isOver = kind === 'unreachable' && assignment.status === 'deleted';
  return !isRepaired && !isOver;
}

function lineOf({ kind, assignment, isRepaired }: AssignmentDifference): string {
  const { tenant, objectId, resource, status } = assignment;
  return `${resource} ${tenant} ${objectId} ${status}: ${kind}${isRepaired ? ', repaired' : ''}`;
}
