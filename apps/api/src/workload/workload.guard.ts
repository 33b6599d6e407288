import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import { accessRulesOf, principalOf } from '#libs/authentication';
import { httpSettings, type HttpSettings } from '#libs/composition';
import { Bulkhead, enterForeground, ServiceBusy } from '#libs/platform';
import { HttpDrain } from '../http/http-drain.js';
import { onClosed } from '../http/on-closed.js';
import { type Workload, workloadOf } from './workload.js';

type BoundWorkload = Exclude<Workload, 'issuing' | 'operations'>;

const MAX_WAIT_MS = 2_000;
/** Waiting requests for each place. A bulk request may hold its place for minutes, as a follower does. */
const QUEUED_PER_PLACE = { reading: 4, bulk: 1, revoking: 4, following: 1 } as const;
/** Two for one caller: of a revocation and of a dry run. */
const REVOKING_PLACES = 4;
/** Callers without a token share the places of one holder. */
const ANONYMOUS = 'anonymous';

/**
 * Gives each request a place of its workload, before its parameters are validated, until it is answered.
 * The last guard, and no interceptor: those cost every request the machinery of Observables.
 */
@Injectable()
export class WorkloadGuard implements CanActivate {
  readonly #bulkheads: Readonly<Record<BoundWorkload, Bulkhead>>;
  readonly #refusals: Counter<'workload'>;

  constructor(
    @Inject(httpSettings.key) settings: HttpSettings,
    private readonly drain: HttpDrain,
    registry: Registry,
  ) {
    const { readingPlaces, bulkPlaces, followingPlaces } = settings;
    const bulkheads = {
      reading: new Bulkhead(optionsFor('reading', readingPlaces)),
      bulk: new Bulkhead(optionsFor('bulk', bulkPlaces)),
      revoking: new Bulkhead(optionsFor('revoking', REVOKING_PLACES)),
      following: new Bulkhead(optionsFor('following', followingPlaces)),
    };
    this.#bulkheads = bulkheads;
    this.#refusals = new Counter({
      name: 'workload_refusals_total',
      help: 'Requests that were answered with 503 service-busy',
      labelNames: ['workload'],
      registers: [registry],
    });
    new Gauge({
      name: 'workload_requests',
      help: 'Requests that hold a place of their workload, or wait for one',
      labelNames: ['workload', 'state'],
      registers: [registry],
      collect() {
        for (const [workload, { heldCount, queuedCount }] of Object.entries(bulkheads)) {
          this.set({ workload, state: 'working' }, heldCount);
          this.set({ workload, state: 'waiting' }, queuedCount);
        }
      },
    });
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const workload = workloadOf(context.getHandler()) ?? 'reading';
    if (workload === 'operations') return true;
    const { raw } = context.switchToHttp().getResponse<FastifyReply>();
    if (workload === 'issuing') {
      onceClosed(raw, enterForeground());
      return true;
    }
    const release = await this.#enter(workload, context);
    // The place is free when the answer has left, and the work has ended that the answer waits for.
    let isPending = true;
    let isOpen = true;
    onceClosed(raw, () => {
      isOpen = false;
      if (!isPending) release();
    });
    this.drain.onReturned(raw, () => {
      isPending = false;
      if (!isOpen) release();
    });
    return true;
  }

  async #enter(workload: BoundWorkload, context: ExecutionContext): Promise<() => void> {
    const { raw } = context.switchToHttp().getResponse<FastifyReply>();
    const aborter = new AbortController();
    onceClosed(raw, () => {
      aborter.abort();
    });
    try {
      return await this.#bulkheads[workload].enter(holderOf(context), aborter.signal);
    } catch (error) {
      if (error instanceof ServiceBusy) this.#refusals.inc({ workload });
      throw error;
    }
  }
}

function optionsFor(
  workload: BoundWorkload,
  places: number,
): ConstructorParameters<typeof Bulkhead>[0] {
  return {
    name: workload,
    places,
    queueLimit: places * QUEUED_PER_PLACE[workload],
    maxWaitMs: MAX_WAIT_MS,
  };
}

function holderOf(context: ExecutionContext): string {
  const isPublic = accessRulesOf(context.getHandler()).some(({ kind }) => kind === 'public');
  if (isPublic) return ANONYMOUS;
  const { issuer, tenant, subject } = principalOf(
    context.switchToHttp().getRequest<FastifyRequest>(),
  );
  return JSON.stringify([issuer, tenant, subject]);
}

/** Calls back once, when the response has left or its connection is closed: at once if that has happened. */
function onceClosed(response: FastifyReply['raw'], callback: () => void): void {
  if (response.destroyed || response.writableFinished) callback();
  else onClosed(response, callback);
}
