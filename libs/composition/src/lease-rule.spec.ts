import { describe, expect, it } from 'vitest';
import { InvalidSettings, readSettings } from '#libs/platform';
import { placeholderEnvironment } from '../../../scripts/placeholder-environment.js';
import { identitiesPart } from './service.module.js';
import { serviceSettings } from './settings.js';

function faultOf(environment: Record<string, string>, settings = serviceSettings): unknown {
  try {
    readSettings(settings, { ...placeholderEnvironment, ...environment });
    return undefined;
  } catch (error) {
    return error instanceof InvalidSettings ? error.faults : error;
  }
}

describe('leaseRule', () => {
  it.each([
    [{ MAPPING_LEASE_MS: '10000' }, 'MAPPING_LEASE_MS'],
    [{ ACS_TIMEOUT_MS: '25000' }, 'ACS_TIMEOUT_MS'],
    [{ ACS_BUDGET_MAX_WAIT_MS: '25000' }, 'ACS_BUDGET_MAX_WAIT_MS'],
  ])(
    'prevents the start when a lease is not longer than its calls: %o',
    (environment, variable) => {
      for (const settings of [serviceSettings, identitiesPart.settings]) {
        expect(faultOf(environment, [...settings])).toMatchObject([
          {
            variable,
            problem: expect.stringContaining('MAPPING_LEASE_MS must be more') as unknown,
          },
        ]);
      }
    },
  );

  it.each([{}, { MAPPING_LEASE_MS: '10001' }, { ACS_TIMEOUT_MS: '24999' }])(
    'accepts %o',
    (environment) => {
      expect(faultOf(environment)).toBeUndefined();
    },
  );

  it('reports a value that is invalid on its own once', () => {
    expect(faultOf({ MAPPING_LEASE_MS: '1' })).toHaveLength(1);
  });
});
