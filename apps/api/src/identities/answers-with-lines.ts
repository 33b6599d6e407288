import { applyDecorators } from '@nestjs/common';
import { ApiProduces, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { Answers } from '../http/answers.js';
import { jsonSchemaOf } from '../http/json-schema.js';
import { NDJSON } from './ndjson-requests.js';

/** Documents a route that answers with lines of JSON. */
export function AnswersWithLines(line: z.ZodType, ...refusals: number[]): MethodDecorator {
  return applyDecorators(
    Answers(200, z.string(), ...refusals),
    ApiProduces(NDJSON),
    ApiResponse({
      status: 200,
      description: 'One JSON object a line.',
      content: { [NDJSON]: { schema: jsonSchemaOf(line) } },
    }),
  );
}
