import { ManualClock } from '#libs/platform/testing';
import { SecretAccessRefused, SecretUnavailable } from '../errors.js';
import { MemorySecretStore } from './memory-secret-store.js';
import { describeSecretStore } from './secret-store.contract.js';

describeSecretStore('MemorySecretStore', async () => {
  const store = new MemorySecretStore(new ManualClock());
  const fail = (fault: Parameters<MemorySecretStore['failWith']>[0]) => async (): Promise<void> => {
    store.failWith(fault);
    return Promise.resolve();
  };
  return Promise.resolve({
    store,
    put: async (name, value, options) => Promise.resolve(store.put(name, value, options)),
    breakDown: fail(new SecretUnavailable()),
    refuseAccess: fail(new SecretAccessRefused('any')),
    recover: fail(undefined),
  });
});
