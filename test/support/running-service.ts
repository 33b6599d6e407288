import { afterAll, beforeAll, inject } from 'vitest';
import { Service, type ServiceOptions } from './service.js';

type Options = Omit<ServiceOptions, 'cluster'>;

/**
 * Starts the service before the specs of a file and stops it after them.
 *
 * @param options or a function that returns them, called when the service starts
 * @returns a function that returns the running service, to be called inside hooks and specs
 */
export function runningService(options: Options | (() => Options) = {}): () => Service {
  let service: Service | undefined;
  beforeAll(async () => {
    service = await Service.start({
      cluster: inject('cluster'),
      ...(typeof options === 'function' ? options() : options),
    });
  });
  afterAll(async () => {
    await service?.stop();
  });
  return () => {
    if (!service) throw new Error('the service has not been started');
    return service;
  };
}
