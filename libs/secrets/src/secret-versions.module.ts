import { Inject, Module } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { Logger, ReadinessChecks } from '#libs/platform';
import { SecretStore } from './secret-store.js';

/** Says which versions of the secrets are in use, and which do not work: as a metric, in the log and in the readiness. */
@Module({})
export class SecretVersionsModule {
  constructor(
    @Inject(SecretStore) secrets: SecretStore,
    @Inject(Logger) logger: Logger,
    @Inject(Registry) registry: Registry,
    readiness: ReadinessChecks,
  ) {
    secrets.onRejected(({ name: secret, version, rejected }) => {
      logger.error({ secret, rejected, inUse: version }, 'a new secret does not work');
    });
    readiness.register('secret versions', async () => {
      const faults = secrets.inUse().flatMap(({ name, version, rejected }) => {
        if (!rejected) return [];
        const which = rejected.version ?? 'the newest';
        return [`${name}: version ${which} is ${rejected.reason}; ${version} stays in use`];
      });
      const degradation = faults.length > 0 && { degradation: faults.join('; ') };
      return Promise.resolve({ isReady: true, ...degradation });
    });
    new Gauge({
      name: 'secret_version_in_use',
      help: '1 for the version of each secret that this process uses',
      labelNames: ['secret', 'version'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name, version } of secrets.inUse()) this.set({ secret: name, version }, 1);
      },
    });
    new Gauge({
      name: 'secret_version_rejected',
      help: '1 while a newer version does not work and an earlier one stays in use',
      labelNames: ['secret'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name, rejected } of secrets.inUse())
          this.set({ secret: name }, rejected ? 1 : 0);
      },
    });
  }
}
