import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { Public } from '#libs/authentication';
import { AnyQuery } from '../http/declared-input.js';
import { DeclareWorkload } from '../workload/workload.js';

/** More often, scrapers get the last values: they need no token, and each scrape takes milliseconds. */
const MAX_SCRAPES_PER_SECOND = 10;

/** Metrics in Prometheus' text format. Don't expose the path outside the network. */
@ApiExcludeController()
@Controller('metrics')
export class MetricsController {
  #last: Promise<string> | undefined;
  #isRunning = false;
  #second = { startedAt: 0, scrapes: 0 };

  constructor(private readonly registry: Registry) {}

  @Get()
  @DeclareWorkload('operations')
  @Public('counts and durations only; scrapers have no token')
  @AnyQuery('a scraper may add parameters, as the key of a function')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  async read(): Promise<string> {
    if (this.#last && (this.#isRunning || !this.#mayScrape())) return this.#last;
    this.#isRunning = true;
    this.#last = this.registry.metrics().finally(() => {
      this.#isRunning = false;
    });
    return this.#last;
  }

  #mayScrape(): boolean {
    const now = performance.now();
    if (now - this.#second.startedAt >= 1_000) this.#second = { startedAt: now, scrapes: 0 };
    this.#second.scrapes += 1;
    return this.#second.scrapes <= MAX_SCRAPES_PER_SECOND;
  }
}
