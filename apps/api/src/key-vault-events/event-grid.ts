import { z } from 'zod';

/**
 * Events in the schema of Azure Event Grid:
 * https://learn.microsoft.com/azure/event-grid/event-schema. Members that are not read may change.
 */
export const eventGridEvents = z
  .array(
    z.looseObject({
      eventType: z.string().max(200),
      data: z
        .looseObject({
          validationCode: z.string().max(500).optional(),
          ObjectType: z.string().max(100).optional(),
          ObjectName: z.string().max(127).optional(),
          Version: z
            .string()
            .regex(/^[0-9a-zA-Z]{1,64}$/)
            .optional(),
        })
        .optional(),
    }),
  )
  .min(1)
  .max(100)
  .meta({ id: 'EventGridEvents' });

/** The answer to a handshake has `validationResponse`; any other is empty. */
export const eventsAnswer = z
  .strictObject({ validationResponse: z.string().optional() })
  .meta({ id: 'EventGridAnswer' });

export type EventGridEvents = z.output<typeof eventGridEvents>;
export type EventsAnswer = z.output<typeof eventsAnswer>;

/** https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema */
export const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent';
/** https://learn.microsoft.com/azure/event-grid/event-schema-key-vault */
export const NEW_VERSION = 'Microsoft.KeyVault.SecretNewVersionCreated';
