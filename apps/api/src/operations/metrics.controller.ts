import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { Public } from '#libs/authentication';
import { AnyQuery } from '../http/declared-input.js';
import { DeclareWorkload } from '../workload/workload.js';

/** Metrics in Prometheus' text format. Don't expose the path outside the network. */
@ApiExcludeController()
@Controller('metrics')
export class MetricsController {
  /** One for all concurrent scrapers, who need no token. */
  #scrape: Promise<string> | undefined;

  constructor(private readonly registry: Registry) {}

  @Get()
  @DeclareWorkload('operations')
  @Public('counts and durations only; scrapers have no token')
  @AnyQuery('a scraper may add parameters, as the key of a function')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  async read(): Promise<string> {
    this.#scrape ??= this.registry.metrics().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }
}
