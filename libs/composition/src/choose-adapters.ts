import {
  type ClassProvider,
  type FactoryProvider,
  Module,
  type Type,
  type ValueProvider,
} from '@nestjs/common';
import { type Adapter, adapters, type Port } from './adapters.js';

/**
 * What a host puts in the place of default adapters: an adapter of its own, or one provider whose
 * `provide` is the port.
 */
export type Replacement = Adapter | ClassProvider | FactoryProvider | ValueProvider;

/** A replacement does not fit the ports of the service. */
export class InvalidReplacement extends Error {
  override readonly name = 'InvalidReplacement';
}

/**
 * The default adapters, less those whose ports are replaced, with the replacements.
 *
 * @throws InvalidReplacement for an unknown port, a port that is replaced twice, and an adapter of
 *   several ports of which only some are replaced
 */
export function chooseAdapters(replacements: readonly Replacement[]): readonly Adapter[] {
  const own = replacements.map(asAdapter);
  const replaced = new Set<Port>();
  for (const port of own.flatMap(({ ports }) => ports)) {
    if (replaced.has(port)) throw new InvalidReplacement(`${port.name} is replaced twice`);
    if (!adapters.some(({ ports }) => ports.includes(port))) {
      const known = adapters.flatMap(({ ports }) => ports.map(({ name }) => name));
      throw new InvalidReplacement(`${nameOf(port)} is not a port; ports are ${known.join(', ')}`);
    }
    replaced.add(port);
  }
  const kept = adapters.filter(({ ports }) => !ports.some((port) => replaced.has(port)));
  for (const { ports } of adapters) {
    const left = ports.filter((port) => !replaced.has(port));
    if (left.length === 0 || left.length === ports.length) continue;
    const names = ports.map(({ name }) => name).join(' and ');
    throw new InvalidReplacement(
      `${names} are one unit: replace ${left.map(({ name }) => name).join(', ')} as well`,
    );
  }
  return [...kept, ...own];
}

function asAdapter(replacement: Replacement): Adapter {
  if ('ports' in replacement) return replacement;
  const port = replacement.provide as Port; // `chooseAdapters` refuses any other token
  @Module({})
  class ReplacementModule {}
  return {
    ports: [port],
    modules: [
      {
        module: ReplacementModule,
        global: true,
        providers: [replacement],
        exports: [replacement.provide],
      },
    ],
  };
}

function nameOf(token: unknown): string {
  return typeof token === 'function' ? (token as Type).name : String(token);
}
