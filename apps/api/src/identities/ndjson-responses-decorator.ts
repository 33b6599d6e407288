import { applyDecorators } from '@nestjs/common';
import { ApiProduces, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { ApiJson } from '../http/api-responses.js';
import { jsonSchemaOf } from '../http/json-schema.js';
import { NDJSON } from './ndjson-body-parser.js';

/** Documents a route that answers with lines of JSON. */
export function AnswersWithLines(line: z.ZodType, ...refusals: number[]): MethodDecorator {
  return applyDecorators(
    ApiJson(200, z.string(), ...refusals),
    ApiProduces(NDJSON),
    ApiResponse({
      status: 200,
      description: 'One JSON object a line.',
      content: { [NDJSON]: { schema: jsonSchemaOf(line) } },
    }),
  );
}
