import type { ApiBodyOptions } from '@nestjs/swagger';
import { z } from 'zod';

type SchemaObject = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** The JSON Schema of a zod schema as OpenAPI wants it, for places that take no Standard Schema. */
export function jsonSchemaOf(schema: z.ZodType): SchemaObject {
  const name = schema.meta()?.id;
  const { $schema: _dialect, $defs, id: _id, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  const named = name === undefined ? undefined : $defs?.[name];
  const { id: _name, ...inlined } = named ?? rest;
  return inlined as SchemaObject; // both are JSON Schema 2020-12, typed by two libraries
}
