import { afterAll, beforeAll, inject } from 'vitest';
import { Service, type ServiceOptions } from './service.js';

/**
 * Starts the service before the specs of a file and stops it after them.
 *
 * @returns a function that returns the running service, to be called inside hooks and specs
 */
export function runningService(options: Omit<ServiceOptions, 'cluster'> = {}): () => Service {
  let service: Service | undefined;
  beforeAll(async () => {
    service = await Service.start({ cluster: inject('cluster'), ...options });
  });
  afterAll(async () => {
    await service?.stop();
  });
  return () => {
    if (!service) throw new Error('the service has not been started');
    return service;
  };
}
