import { z } from 'zod';
import type { Settings } from '#libs/platform';

/** A rule over two variables: a console that is on has somewhere to sign in. */
export const consoleRule: Settings = {
  key: Symbol('rule of the console'),
  name: 'console',
  variables: [],
  schema: z.looseObject({}).superRefine((variables, context) => {
    if (variables.CONSOLE_ENABLED !== 'true' || 'CONSOLE_PROVIDERS_FILE' in variables) return;
    context.addIssue({
      code: 'custom',
      path: ['CONSOLE_PROVIDERS_FILE'],
      message: 'is required when CONSOLE_ENABLED is true',
    });
  }),
};
