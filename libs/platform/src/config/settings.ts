import type { z } from 'zod';
import { lookalikes, type MisspelledName, misspelledNames } from './misspelled-names.js';
import { separateServiceLinks } from './service-links.js';

/** Metadata of a setting whose default is right nearly everywhere: the documentation lists it apart. */
export const ADVANCED = { advanced: true } as const;
/** Metadata of a variable that many programs read. A name like it is theirs, not a misspelled one. */
export const SHARED = { shared: true } as const;

/** Metadata of a variable in which surrounding quotes are a part of the value. */
export const VERBATIM = { verbatim: true } as const;

/** The environment variables of one module, and the schema that reads them. */
export interface Settings<S extends z.ZodType = z.ZodType> {
  /** Injection token of the values. */
  readonly key: symbol;
  readonly name: string;
  readonly schema: S;
  /** The variables that the schema reads, with their descriptions. */
  readonly variables: readonly Variable[];
  /** Where the service can do without the module: the values if variables are unusable, which then are ignored. */
  readonly withFaults?: WithFaults<z.output<S>>;
}

/** Gives values in place of those that have faults. @param environment every variable that is set */
export type WithFaults<V> = (
  faults: readonly SettingsFault[],
  environment: Readonly<Record<string, string>>,
) => V;

/** The values of a module's settings. */
export type SettingsOf<T> = T extends Settings<infer S> ? Readonly<z.output<S>> : never;

/** One environment variable, for the documentation. */
export interface Variable {
  readonly name: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** Default value as text; `undefined` where there is none. */
  readonly fallback: string | undefined;
  /** Whether its field has the metadata `ADVANCED`. */
  readonly isAdvanced: boolean;
  /** Whether its field has the metadata `SHARED`. */
  readonly isShared: boolean;
  /** Whether its field has the metadata `VERBATIM`. */
  readonly isVerbatim: boolean;
}

/** One fault of one environment variable. Never contains the variable's value, which may be a secret. */
export interface SettingsFault {
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** What was found in an environment, and the values that it gives. */
export interface EnvironmentCheck {
  /** The values of each module by its key; incomplete if there are faults. */
  readonly values: ReadonlyMap<symbol, unknown>;
  /** The environment without empty variables, Kubernetes' links to Services and unusable values that are ignored. */
  readonly variables: Readonly<Record<string, string>>;
  /** What prevents a start. */
  readonly faults: readonly SettingsFault[];
  /** What has no effect, as sentences. */
  readonly remarks: readonly string[];
}

/** The environment variables are invalid. Lists every fault at once. */
export class InvalidSettings extends Error {
  constructor(
    readonly faults: readonly SettingsFault[],
    remarks: readonly string[] = [],
  ) {
    const lines = faults.map(
      ({ variable, problem, fix }) => `  ${variable}: ${problem}\n      → ${fix}`,
    );
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super([`The configuration has ${count}:`, ...lines, ...remarks].join('\n'));
    this.name = 'InvalidSettings';
  }
}

/**
 * Declares the environment variables of one module.
 *
 * @param fields one schema with a description for each variable; an empty variable counts as not set
 * @param shape turns the variables into the values that the module injects
 * @param withFaults where the service can do without the module: its values if variables are unusable. They are no
 *   faults then, except misspelled names, and the module has to report them.
 */
export function defineSettings<F extends z.core.$ZodLooseShape, V>(
  name: string,
  fields: z.ZodObject<F>,
  shape: (variables: z.output<z.ZodObject<F>>) => V,
  withFaults?: WithFaults<V>,
): Settings<z.ZodType<V>> {
  return {
    key: Symbol(`settings of ${name}`),
    name,
    schema: fields.transform(shape),
    variables: Object.entries<z.core.$ZodType>(fields.shape).map(([variable, field]) =>
      describe(variable, field),
    ),
    ...(withFaults && { withFaults }),
  };
}

/**
 * Reads the settings of several modules from the environment.
 *
 * @param otherNames see `checkEnvironment`
 * @returns the values of each module by its key
 * @throws InvalidSettings with every fault of every module
 */
export function readSettings(
  modules: readonly Settings[],
  environment: Readonly<Record<string, string | undefined>>,
  otherNames: readonly string[] = [],
): ReadonlyMap<symbol, unknown> {
  return valuesOf(checkEnvironment(modules, environment, otherNames));
}

/** @throws InvalidSettings when the check found faults */
export function valuesOf(check: EnvironmentCheck): ReadonlyMap<symbol, unknown> {
  if (check.faults.length > 0) throw new InvalidSettings(check.faults, check.remarks);
  return check.values;
}

/**
 * Finds everything that is wrong or without effect in an environment. A start and `config check` both use it.
 *
 * A variable that no module reads is never a fault, unless its name is nearly one of theirs.
 *
 * @param otherNames names that may be set for other programs, such as the command line's own variables
 */
export function checkEnvironment(
  modules: readonly Settings[],
  environment: Readonly<Record<string, string | undefined>>,
  otherNames: readonly string[] = [],
): EnvironmentCheck {
  const known = modules.flatMap(({ variables }) => variables);
  const names = known.map(({ name }) => name);
  const { others, links } = separateServiceLinks(withoutEmpty(environment), new Set(names));
  const { present, wrapped } = withoutWrapping(others, known);
  const shared = known.filter(({ isShared }) => isShared).map(({ name }) => name);
  const own = names.filter((name) => !shared.includes(name));
  const misspelled = misspelledNames(Object.keys(present), own, [...otherNames, ...shared]);
  const faults: SettingsFault[] = misspelled.map(({ name, similar }) => ({
    variable: name,
    problem: 'is not a variable of this service',
    fix: `use ${similar.join(' or ')}, or remove it`,
  }));
  const values = new Map<symbol, unknown>();
  const unusable = new Set<string>();
  for (const settings of modules) {
    const { key, variables, withFaults } = settings;
    const { value, invalid } = parsed(settings, present, known);
    const ofModule = wrapped.filter(({ variable }) =>
      variables.some(({ name }) => name === variable),
    );
    const found = [...ofModule, ...invalid];
    if (found.length === 0 || !withFaults) {
      if (invalid.length === 0) values.set(key, value);
      faults.push(...found);
      continue;
    }
    values.set(key, withFaults(found, present));
    for (const { variable } of found) unusable.add(variable);
  }
  const ignored = [...otherNames, ...misspelled.map(({ name }) => name)];
  const similar = lookalikes(Object.keys(present), names, ignored);
  const linked = lookalikes([...links.values()].flat(), names, []).map(({ name }) => name);
  const remarkable = [...links].flatMap(([service, members]) =>
    members.some((name) => linked.includes(name) || names.includes(name)) ? [service] : [],
  );
  return {
    values,
    variables: Object.fromEntries(Object.entries(present).filter(([name]) => !unusable.has(name))),
    faults,
    remarks: [...remarkOnNames(similar), ...remarkOnLinks(remarkable)],
  };
}

/** The values of one module, or what is wrong with its variables. @param known the variables of all modules */
function parsed(
  { name, schema }: Settings,
  present: Readonly<Record<string, string>>,
  known: readonly Variable[],
): { value?: unknown; invalid: readonly SettingsFault[] } {
  // Settings are parsed once: to compile their schemas would take longer than to parse them.
  const result = schema.safeParse(present, { jitless: true });
  if (result.success) return { value: result.data, invalid: [] };
  const invalid = result.error.issues.map((issue) => {
    const variable = String(issue.path[0] ?? name);
    const declared = known.find((candidate) => candidate.name === variable);
    return {
      variable,
      problem: variable in present ? issue.message : 'is not set',
      fix: declared?.description ?? `see the settings of ${name}`,
    };
  });
  return { invalid };
}

const QUOTED = /^(["'])(.*)\1$/s;

/**
 * Faults of what a file of variables left around values, by its cause. What is said about the values besides
 * is said of those that were meant.
 */
function withoutWrapping(
  environment: Readonly<Record<string, string>>,
  known: readonly Variable[],
): { present: Record<string, string>; wrapped: readonly SettingsFault[] } {
  const wrapped: SettingsFault[] = [];
  const present: Record<string, string> = { ...environment };
  for (const { name: variable, isVerbatim } of known) {
    const given = environment[variable];
    if (given === undefined) continue;
    const line = given.replace(/\r+$/, '');
    const [, , quoted] = (isVerbatim ? undefined : QUOTED.exec(line.trim())) ?? [];
    if (line !== given)
      wrapped.push({
        variable,
        problem: 'ends with a carriage return',
        fix: 'save the file that sets it with line ends of Unix (LF)',
      });
    if (quoted !== undefined)
      wrapped.push({
        variable,
        problem: 'has quotes around its value',
        fix: 'leave the quotes out: what reads the file that sets it, as docker run --env-file does, takes them for a part of the value',
      });
    present[variable] = quoted ?? line;
  }
  return { present: withoutEmpty(present), wrapped };
}

function withoutEmpty(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || value.trim() === '' ? [] : [[name, value]],
    ),
  );
}

function remarkOnNames(names: readonly MisspelledName[]): string[] {
  if (names.length === 0) return [];
  const list = names.map(({ name, similar }) =>
    similar.length === 0 ? name : `${name} (not ${similar.join(' or ')})`,
  );
  return [`Set, but not read by this service: ${list.join(', ')}.`];
}

function remarkOnLinks(services: readonly string[]): string[] {
  if (services.length === 0) return [];
  const list = services.map((service) => `${service === '' ? '' : `${service}_`}PORT`);
  return [
    `Ignored as Kubernetes links to Services, with what belongs to them: ${list.join(', ')}. ` +
      'The pod gets none with enableServiceLinks: false.',
  ];
}

function describe(name: string, field: z.core.$ZodType): Variable {
  const absent = (field as z.ZodType).safeParse(undefined);
  const fallback = absent.success && absent.data !== undefined ? asText(absent.data) : undefined;
  return {
    name,
    description: (field as z.ZodType).description ?? '',
    isRequired: !absent.success,
    fallback,
    isAdvanced: (field as z.ZodType).meta()?.advanced === true,
    isShared: (field as z.ZodType).meta()?.shared === true,
    isVerbatim: (field as z.ZodType).meta()?.verbatim === true,
  };
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.join(', ');
  return value instanceof URL ? value.href : JSON.stringify(value);
}
