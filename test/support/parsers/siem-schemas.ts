import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';

interface EcsField {
  readonly type: string;
  readonly isArray?: boolean;
  /** Allowed values, each with the types of events that it is expected with. */
  readonly allowed?: Readonly<Record<string, readonly string[]>>;
}

interface EcsFields {
  readonly sets: readonly string[];
  readonly fields: Readonly<Record<string, EcsField>>;
}

const ecs = read('ecs-9.1.0.json') as EcsFields; // the format of that file
const ajv = new Ajv2020({ allErrors: true, strict: false });
const ocsfClasses = {
  3002: 'authentication',
  3004: 'entity_management',
  6003: 'api_activity',
} as const;
ajv.addSchema(read('ocsf-1.8.0.json') as object);

/** Validates an event by the published definitions of OCSF 1.8.0. @returns its faults */
export function ocsfFaults(event: unknown): string[] {
  const { class_uid: uid, activity_id: activity } = event as {
    class_uid: keyof typeof ocsfClasses;
    activity_id: number;
  };
  const validate = ajv.getSchema(`ocsf-1.8.0#/$defs/${ocsfClasses[uid]}`);
  if (!validate) return [`class ${uid}`];
  void validate(event);
  const faults = (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
  const { type_uid: type } = event as { type_uid: number };
  if (type !== uid * 100 + activity) faults.push(`type_uid ${type}`);
  return faults;
}

/** Validates an event by the published fields of ECS 9.1.0; fields of other sets are custom. @returns its faults */
export function ecsFaults(event: unknown): string[] {
  return [...leaves(event, '')].flatMap(([name, value]) => {
    const [set = ''] = name.split('.');
    const field = ecs.fields[name];
    if (!field) return ecs.sets.includes(set) ? [`${name} is not an ECS field`] : [];
    if (Array.isArray(value) !== (field.isArray === true)) return [`${name} as array`];
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const faults = values
      .filter((one) => !isOfType(field, one))
      .map((one) => `${name} ${String(one)}`);
    return [...faults, ...unexpectedTypes(name, values, event)];
  });
}

/** Event types that ECS does not allow with the categories. */
function unexpectedTypes(name: string, categories: readonly unknown[], event: unknown): string[] {
  if (name !== 'event.category') return [];
  const { type } = (event as { event: { type: string[] } }).event;
  const allowed = ecs.fields['event.category']?.allowed ?? {};
  return categories.flatMap((category) =>
    type
      .filter((one) => allowed[String(category)]?.includes(one) !== true)
      .map((one) => `event.type ${one} with ${String(category)}`),
  );
}

function isOfType({ type, allowed }: EcsField, value: unknown): boolean {
  switch (type) {
    case 'keyword':
    case 'wildcard':
      return typeof value === 'string' && (allowed === undefined || value in allowed);
    case 'date':
      return typeof value === 'string' && new Date(value).toISOString() === value;
    case 'long':
      return Number.isSafeInteger(value);
    case 'ip':
      return typeof value === 'string' && isIP(value) > 0;
    default:
      return false;
  }
}

/** The fields of an event by their dotted names. An array is a value. */
function* leaves(value: unknown, path: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield [path, value];
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    yield* leaves(inner, path === '' ? name : `${path}.${name}`);
  }
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`schemas/${file}`, import.meta.url), 'utf8'));
}
