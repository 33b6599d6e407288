import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { type ClientExchange, clientExchangesIn } from '#libs/authentication';
import type { Environment } from '#libs/composition';
import { TokenIssuanceModule } from '#libs/token-issuance';
import {
  EntraExchangeController,
  TeamsExtensionExchangeController,
} from './client-exchange.controllers.js';

const CONTROLLERS: Readonly<Record<ClientExchange, Type>> = {
  'teams-extension': TeamsExtensionExchangeController,
  entra: EntraExchangeController,
};

/** The exchanges of Microsoft's client library that CLIENT_EXCHANGES names. */
@Module({})
export class ClientExchangeModule {
  static forRoot(environment: Environment): DynamicModule {
    return {
      module: ClientExchangeModule,
      imports: [TokenIssuanceModule],
      controllers: clientExchangesIn(environment).map((exchange) => CONTROLLERS[exchange]),
    };
  }
}
