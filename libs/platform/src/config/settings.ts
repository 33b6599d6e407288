import type { z } from 'zod';
import { misspelledNames } from './misspelled-names.js';

/** The environment variables of one module, and the schema that reads them. */
export interface Settings<S extends z.ZodType = z.ZodType> {
  /** Injection token of the values. */
  readonly key: symbol;
  readonly name: string;
  readonly schema: S;
  /** The variables that the schema reads, with their descriptions. */
  readonly variables: readonly Variable[];
}

/** The values of a module's settings. */
export type SettingsOf<T> = T extends Settings<infer S> ? Readonly<z.output<S>> : never;

/** One environment variable, for the documentation. */
export interface Variable {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** Default value as text; `undefined` where there is none. */
  readonly fallback: string | undefined;
}

/** One fault of one environment variable. Never contains the variable's value, which may be a secret. */
export interface SettingsFault {
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** The environment variables are invalid. Lists every fault at once. */
export class InvalidSettings extends Error {
  constructor(readonly faults: readonly SettingsFault[]) {
    const lines = faults.map(
      ({ variable, problem, fix }) => `  ${variable}: ${problem}\n      → ${fix}`,
    );
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super(`The configuration has ${count}:\n${lines.join('\n')}`);
    this.name = 'InvalidSettings';
  }
}

/**
 * Declares the environment variables of one module.
 *
 * @param fields one schema with a description for each variable; an empty variable counts as not set
 * @param shape turns the variables into the values that the module injects
 */
export function defineSettings<F extends z.core.$ZodLooseShape, V>(
  name: string,
  fields: z.ZodObject<F>,
  shape: (variables: z.output<z.ZodObject<F>>) => V,
): Settings<z.ZodType<V>> {
  return {
    key: Symbol(`settings of ${name}`),
    name,
    schema: fields.transform(shape),
    variables: Object.entries<z.core.$ZodType>(fields.shape).map(([variable, field]) =>
      describe(variable, field),
    ),
  };
}

/**
 * Reads the settings of several modules from the environment.
 *
 * A variable that no module reads is ignored, unless its name is nearly one of theirs.
 *
 * @param otherNames names that may be set for other programs, such as the command line's own variables
 * @returns the values of each module by its key
 * @throws InvalidSettings with every fault of every module
 */
export function readSettings(
  modules: readonly Settings[],
  environment: Readonly<Record<string, string | undefined>>,
  otherNames: readonly string[] = [],
): ReadonlyMap<symbol, unknown> {
  const present = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const known = modules.flatMap(({ variables }) => variables);
  const names = known.map(({ name }) => name);
  const faults: SettingsFault[] = misspelledNames(Object.keys(present), names, otherNames).map(
    ({ name, similar }) => ({
      variable: name,
      problem: 'is not a variable of this service',
      fix: `use ${similar.join(' or ')}, or remove it`,
    }),
  );
  const values = new Map<symbol, unknown>();
  for (const { key, name, schema } of modules) {
    const result = schema.safeParse(present);
    if (result.success) {
      values.set(key, result.data);
      continue;
    }
    for (const issue of result.error.issues) {
      const variable = String(issue.path[0] ?? name);
      const declared = known.find((candidate) => candidate.name === variable);
      faults.push({
        variable,
        problem: variable in present ? issue.message : 'is not set',
        fix: declared?.description ?? `see the settings of ${name}`,
      });
    }
  }
  if (faults.length > 0) throw new InvalidSettings(faults);
  return values;
}

function describe(name: string, field: z.core.$ZodType): Variable {
  const absent = (field as z.ZodType).safeParse(undefined);
  const fallback = absent.success && absent.data !== undefined ? asText(absent.data) : undefined;
  return {
    name,
    description: (field as z.ZodType).description ?? '',
    isRequired: !absent.success,
    fallback,
  };
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.join(', ');
  return value instanceof URL ? value.href : JSON.stringify(value);
}
