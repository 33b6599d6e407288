import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Clock, Logger } from '#libs/platform';
import { BudgetMetrics } from './metrics.js';
import { RequestBudget } from './request-budget.js';
import type { BudgetSettings } from './settings.js';
import { SharedRequestBudget } from './shared-request-budget.js';
import { WindowStore } from './window/window-store.js';

/** The limits, and the longest time that one call may take. */
export type RequestBudgetOptions = BudgetSettings & { readonly timeoutMs: number };

const OPTIONS = Symbol('options of the request budget');

/** Binds `RequestBudget` to the limiter that all replicas share through the `WindowStore`. */
@Module({})
export class RequestBudgetModule {
  static forRootAsync(
    options: Pick<FactoryProvider<RequestBudgetOptions>, 'inject' | 'useFactory'>,
  ): DynamicModule {
    return {
      module: RequestBudgetModule,
      global: true,
      providers: [
        { provide: OPTIONS, ...options },
        {
          provide: RequestBudget,
          inject: [WindowStore, OPTIONS, Clock, Logger, Registry],
          useFactory: (
            store: WindowStore,
            settings: RequestBudgetOptions,
            clock: Clock,
            logger: Logger,
            registry: Registry,
          ) =>
            new SharedRequestBudget(store, settings, {
              clock,
              logger,
              metrics: new BudgetMetrics(registry),
            }),
        },
      ],
      exports: [RequestBudget],
    };
  }
}
