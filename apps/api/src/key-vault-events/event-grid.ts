import { z } from 'zod';

export const EVENTS_ROUTE = 'v1/key-vault/events';

/**
 * Events of Azure Event Grid, in either schema: its own (`eventType`,
 * https://learn.microsoft.com/azure/event-grid/event-schema) or CloudEvents 1.0 (`type`,
 * https://learn.microsoft.com/azure/event-grid/cloud-event-schema). Members that are not read may change.
 */
export const eventGridEvents = z
  .array(
    z
      .looseObject({
        eventType: z.string().max(200).optional(),
        type: z.string().max(200).optional(),
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
      })
      .refine(
        ({ eventType, type }) => eventType !== undefined || type !== undefined,
        'must have eventType or type',
      ),
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

/** Bodies of CloudEvents: one event, or an array of them. */
export const CLOUD_EVENT = 'application/cloudevents+json';
export const CLOUD_EVENTS_BATCH = 'application/cloudevents-batch+json';

/**
 * What the handshake of CloudEvents sends and gets, an OPTIONS request:
 * https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema
 */
export const REQUEST_ORIGIN = 'webhook-request-origin';
export const ALLOWED_ORIGIN = 'webhook-allowed-origin';
export const ALLOWED_RATE = 'webhook-allowed-rate';
/** Of Event Grid in each cloud. */
export const EVENT_GRID_ORIGIN = /^eventgrid\.azure\.[a-z]{2,3}$/;

/** https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema */
export const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent';
/** https://learn.microsoft.com/azure/event-grid/event-schema-key-vault */
export const NEW_VERSION = 'Microsoft.KeyVault.SecretNewVersionCreated';
