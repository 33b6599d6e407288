import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { platformSettings, type PlatformSettings } from '../config/platform-settings.js';
import { Logger } from '../logging/logger.js';
import { Clock } from '../time/clock.js';
import { PeriodicTask } from '../time/periodic-task.js';
import { certificatesIn, readAuthoritiesFile, UnusableAuthorities } from './authorities-file.js';

const REFRESH_MS = 1_000;

/**
 * The certificate authorities of `NODE_EXTRA_CA_CERTS`, which TLS connections of this process trust besides
 * those of Node.js. Node.js reads the file once; here it is read again and again, and new connections trust
 * what it has now. A file that can't be used changes nothing.
 */
@Injectable()
export class ExtraAuthorities implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #path: string | undefined;
  readonly #task: PeriodicTask;
  readonly #count: Gauge;
  readonly #isGood: Gauge;
  /** Those of Node.js, once the file has changed. The file may have some of them, too. */
  #others: readonly string[] | undefined;
  /** Fingerprints of those in use. */
  #inUse: ReadonlySet<string>;
  /** What the file had at the previous refresh: one that is half written is not used. */
  #previous: string | undefined;
  /** What it had when it was used or refused last. */
  #examined: string | undefined;

  constructor(
    registry: Registry,
    @Inject(Clock) clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
    @Inject(platformSettings.key) { extraAuthoritiesFile }: PlatformSettings,
  ) {
    this.#path = extraAuthoritiesFile;
    this.#inUse = new Set(fingerprints(tls.getCACertificates('extra')));
    const registers = [registry];
    this.#count = new Gauge({
      name: 'tls_extra_authorities',
      help: 'Certificate authorities of NODE_EXTRA_CA_CERTS that new outgoing connections trust',
      registers,
    });
    this.#isGood = new Gauge({
      name: 'tls_extra_authorities_file_good',
      help: '1 if the file of NODE_EXTRA_CA_CERTS can be used; 0 if not, and its last authorities stay in use',
      registers,
    });
    this.#count.set(this.#inUse.size);
    this.#isGood.set(1);
    this.#task = new PeriodicTask({
      name: 'certificate authorities refresh',
      run: async () => this.refresh(),
      intervalMs: REFRESH_MS,
      runsAtStart: true,
      clock,
      logger,
    });
  }

  onApplicationBootstrap(): void {
    if (this.#path !== undefined) this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  /** Reads the file; what two calls in a row find in it takes effect. */
  async refresh(): Promise<void> {
    if (this.#path === undefined) return;
    const content = await readAuthoritiesFile(this.#path);
    const text = String(content);
    const isStable = text === this.#previous;
    this.#previous = text;
    if (!isStable || text === this.#examined) return;
    this.#examined = text;
    try {
      if (content instanceof UnusableAuthorities) throw content;
      this.#adopt(certificatesIn(content));
      this.#isGood.set(1);
    } catch (error) {
      if (!(error instanceof UnusableAuthorities)) throw error;
      this.#isGood.set(0);
      this.logger.error(
        { path: this.#path, reason: error.message, inUse: this.#inUse.size },
        'the file of NODE_EXTRA_CA_CERTS can not be used, its last authorities stay in use',
      );
    }
  }

  #adopt(certificates: readonly string[]): void {
    const next = new Set(fingerprints(certificates));
    const added = [...next].filter((one) => !this.#inUse.has(one));
    const removed = [...this.#inUse].filter((one) => !next.has(one));
    if (added.length === 0 && removed.length === 0) return;
    this.#others ??= authoritiesOfNode();
    tls.setDefaultCACertificates([...this.#others, ...certificates]);
    this.#inUse = next;
    this.#count.set(next.size);
    this.logger.info(
      { path: this.#path, added, removed },
      'outgoing connections trust other certificate authorities',
    );
  }
}

/** What a process trusts besides the file that it has read at its start. */
function authoritiesOfNode(): readonly string[] {
  const others = [...tls.getCACertificates('default')];
  // One that Node.js has as well is there twice.
  for (const pem of tls.getCACertificates('extra')) {
    const index = others.lastIndexOf(pem);
    if (index >= 0) others.splice(index, 1);
  }
  if (others.length === 0)
    throw new UnusableAuthorities('with --use-openssl-ca, it takes effect at the start');
  return others;
}

function fingerprints(certificates: readonly string[]): readonly string[] {
  return certificates.map((pem) => new X509Certificate(pem).fingerprint256);
}
