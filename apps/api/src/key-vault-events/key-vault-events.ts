import { Injectable } from '@nestjs/common';
import { SecretNotices } from '#libs/secrets';
import { type EventGridEvents, type EventsAnswer, NEW_VERSION, VALIDATION } from './event-grid.js';

/** What the service does with events of the vault, of whose sender the routes are sure. */
@Injectable()
export class KeyVaultEvents {
  constructor(private readonly notices: SecretNotices) {}

  /** @returns the answer to the handshake, when the events are one */
  async receive(events: EventGridEvents): Promise<EventsAnswer> {
    for (const { eventType, type = eventType, data } of events) {
      const { validationCode, ObjectName: name, Version: version } = data ?? {};
      if (type === VALIDATION && validationCode !== undefined)
        return { validationResponse: validationCode };
      if (type === NEW_VERSION && name !== undefined && version !== undefined)
        await this.notices.add({ name, version });
    }
    return {};
  }
}
