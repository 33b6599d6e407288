import type { z } from 'zod';

/** A part's environment variables: a name to inject them by and the schema that reads them. */
export interface Settings<S extends z.ZodType = z.ZodType> {
  /** The injection token of the values. */
  readonly key: symbol;
  readonly name: string;
  readonly schema: S;
  /** The variables that the schema reads, with their descriptions. */
  readonly variables: readonly Variable[];
}

/** The values that a part's schema gives. */
export type SettingsOf<T> = T extends Settings<infer S> ? Readonly<z.output<S>> : never;

/** One environment variable, as documentation shows it. */
export interface Variable {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** The value when the variable is not set, as text; absent where there is none. */
  readonly fallback: string | undefined;
}

/** One thing wrong with one environment variable. Never holds the variable's value. */
export interface SettingsFault {
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** The environment does not describe a service that could run. Lists every fault at once. */
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
 * Declares the environment variables of one part.
 *
 * @param fields one schema for each variable, described; unset and empty variables read as absent
 * @param shape turns the variables into the values that the part works with
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
 * Reads the parts' settings out of an environment.
 *
 * @returns the values of each part by its key
 * @throws InvalidSettings with every fault of every part
 */
export function readSettings(
  parts: readonly Settings[],
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<symbol, unknown> {
  const present = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const known = parts.flatMap((part) => part.variables);
  const faults: SettingsFault[] = misspelt(Object.keys(present), known);
  const values = new Map<symbol, unknown>();
  for (const part of parts) {
    const result = part.schema.safeParse(present);
    if (result.success) {
      values.set(part.key, result.data);
      continue;
    }
    for (const issue of result.error.issues) {
      const variable = String(issue.path[0] ?? part.name);
      const declared = known.find(({ name }) => name === variable);
      faults.push({
        variable,
        problem: variable in present ? issue.message : 'is not set',
        fix: declared?.description ?? `see the settings of ${part.name}`,
      });
    }
  }
  if (faults.length > 0) throw new InvalidSettings(faults);
  return values;
}

/** Variables that carry one of our prefixes but that no part reads: most likely a slip of the pen. */
function misspelt(names: readonly string[], known: readonly Variable[]): SettingsFault[] {
  const prefixes = new Set(known.map(({ name }) => name.split('_')[0] ?? name));
  // The Azure SDK reads its own AZURE_ variables.
  prefixes.delete('AZURE');
  return names
    .filter((name) => name.includes('_') && prefixes.has(name.split('_')[0] ?? name))
    .filter((name) => !known.some((variable) => variable.name === name))
    .map((name) => ({
      variable: name,
      problem: 'is not a variable of this service',
      fix: `remove it, or use one of ${similar(name, known).join(', ')}`,
    }));
}

function similar(name: string, known: readonly Variable[]): string[] {
  const prefix = name.split('_')[0] ?? name;
  return known.map((variable) => variable.name).filter((other) => other.startsWith(`${prefix}_`));
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
