import { z } from 'zod';
import {
  ADVANCED,
  canonicalName,
  defineSettings,
  integer,
  list,
  type SettingsOf,
} from '#libs/platform';

export const identityMappingSettings = defineSettings(
  'identity-mapping',
  z.object({
    MAPPING_LEASE_MS: integer(1_000, 300_000)
      .prefault('30000')
      .describe(
        'milliseconds after which another replica may take over the creation, revocation or deletion of an identity, 1000 to 300000. Must be more than ACS_BUDGET_MAX_WAIT_MS and ACS_TIMEOUT_MS together: a call is only sent when it ends before its lease, so that a lease that is hardly longer refuses requests of a busy process',
      )
      .meta(ADVANCED),
    MAPPING_WAIT_MS: integer(100, 60_000)
      .prefault('8000')
      .describe(
        'milliseconds that a request waits for an identity that another request is creating, 100 to 60000',
      )
      .meta(ADVANCED),
    MAPPING_SWEEP_SECONDS: integer(1, 3_600)
      .prefault('5')
      .describe(
        'seconds between two runs of the recovery worker, which completes what crashed or failed requests left unfinished, 1 to 3600',
      )
      .meta(ADVANCED),
    IDENTITY_LINK_TENANTS: list()
      .prefault('')
      .describe(
        'tenants whose administrators may link communication identities that this service has not created, separated by commas; none if empty: the operator links them with acs-identity identities import. Such an administrator gets control of every unmapped identity of the tenant’s ACS resource, and learns which are mapped',
      ),
  }),
  (variables) => ({
    leaseMs: variables.MAPPING_LEASE_MS,
    waitMs: variables.MAPPING_WAIT_MS,
    sweepMs: variables.MAPPING_SWEEP_SECONDS * 1_000,
    linkTenants: variables.IDENTITY_LINK_TENANTS.map(canonicalName),
  }),
);

export type IdentityMappingSettings = SettingsOf<typeof identityMappingSettings>;
