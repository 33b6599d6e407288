import { z } from 'zod';
import { communicationServicesSettings } from '#libs/communication-services';
import { identityMappingSettings } from '#libs/identity-mapping';
import type { Settings } from '#libs/platform';

const VARIABLES = ['MAPPING_LEASE_MS', 'ACS_TIMEOUT_MS', 'ACS_BUDGET_MAX_WAIT_MS'] as const;

/**
 * A rule over variables of two parts: a lease lasts longer than the calls that are made under it, with
 * their wait. Otherwise no call could be sent.
 */
export const leaseRule: Settings = {
  key: Symbol('rule of leases'),
  name: 'leases',
  variables: [],
  schema: z.looseObject({}).superRefine((variables, context) => {
    const acs = communicationServicesSettings.schema.safeParse(variables);
    const mapping = identityMappingSettings.schema.safeParse(variables);
    if (!acs.success || !mapping.success) return; // reported by their own settings
    const { timeoutMs, budget } = acs.data;
    if (mapping.data.leaseMs > budget.maxWaitMs + timeoutMs) return;
    context.addIssue({
      code: 'custom',
      path: [VARIABLES.find((name) => name in variables) ?? 'MAPPING_LEASE_MS'],
      message:
        'MAPPING_LEASE_MS must be more than ACS_BUDGET_MAX_WAIT_MS and ACS_TIMEOUT_MS together',
    });
  }),
};
