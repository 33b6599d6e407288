import { type DynamicModule, Module } from '@nestjs/common';
import { AuthenticationModule } from '#libs/authentication';
import type { Environment } from '#libs/composition';
import { DatabaseModule, readSettings } from '#libs/platform';
import { keyVaultEventsSettings, type KeyVaultEventsSettings, SecretNotices } from '#libs/secrets';
import { CloudEventParser } from './cloud-event-parser.js';
import { KeyedEventsController, SignedInEventsController } from './events.controllers.js';
import { KeyVaultEvents } from './key-vault-events.js';

/** The route that Azure Event Grid calls, with the access rule that KEY_VAULT_EVENTS selects, or none. */
@Module({})
export class KeyVaultEventsModule {
  static forRoot(environment: Environment): DynamicModule {
    const { KEY_VAULT_EVENTS } = environment;
    const values = readSettings([keyVaultEventsSettings], { KEY_VAULT_EVENTS });
    const { access } = values.get(keyVaultEventsSettings.key) as KeyVaultEventsSettings; // read by its own schema
    if (access === 'off') return { module: KeyVaultEventsModule };
    return {
      module: KeyVaultEventsModule,
      imports: [DatabaseModule, AuthenticationModule],
      controllers: [access === 'key' ? KeyedEventsController : SignedInEventsController],
      providers: [SecretNotices, KeyVaultEvents, CloudEventParser],
    };
  }
}
