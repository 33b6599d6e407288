import 'reflect-metadata';

/**
 * What a route's requests do to others:
 *
 * - `issuing`: tokens and single identities. Never waits for the other kinds.
 * - `reading`: answers from the database of limited size. Has places and connections of its own.
 * - `bulk`: streams, and work on many rows. Has fewer places, and the connections of `reading`.
 * - `revoking`: mass revocations. Few places of their own, so that nothing keeps them waiting, and the
 *   connections of `reading`.
 * - `following`: streams that wait for new entries, and rarely read. Have places of their own.
 * - `operations`: health and metrics, which answer while everything else is full.
 */
export const WORKLOADS = [
  'issuing',
  'reading',
  'bulk',
  'revoking',
  'following',
  'operations',
] as const;

export type Workload = (typeof WORKLOADS)[number];

const WORKLOAD = Symbol('workload of a route');

/** Declares the workload of a route. `Endpoint` does it by its property `workload`. */
export function DeclareWorkload(workload: Workload): MethodDecorator {
  return (_target, _name, descriptor) => {
    Reflect.defineMetadata(WORKLOAD, workload, descriptor.value as object); // decorates methods only
  };
}

/** @returns `undefined` for a route that declares none; it is served as `reading` */
export function workloadOf(handler: object): Workload | undefined {
  return Reflect.getMetadata(WORKLOAD, handler) as Workload | undefined; // only `DeclareWorkload` writes it
}
