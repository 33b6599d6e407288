import { type DynamicModule, Module, type Type } from '@nestjs/common';
import {
  type CompatibilitySettings,
  compatibilitySettings,
  type Environment,
  type Sample,
} from '#libs/composition';
import { IdentityMappingModule } from '#libs/identity-mapping';
import { readSettings } from '#libs/platform';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { TokenRequestPipe } from '../me/token-request.pipe.js';
import { HeroTokenController, HeroUserController } from './auth-hero.controllers.js';
import {
  CallingTutorialController,
  RefreshTokenController,
  TokenController,
} from './calling-sample.controllers.js';
import { ExchangeController, FunctionController } from './functions-sample.controllers.js';
import { MobileController } from './mobile.controller.js';
import { ScopeParameterPipe } from './scope-parameter.js';
import { SampleTokens } from './sample-tokens.js';

const CONTROLLERS: Readonly<Record<Sample, readonly Type[]>> = {
  'auth-hero': [HeroUserController, HeroTokenController],
  'calling-sample': [TokenController, RefreshTokenController, CallingTutorialController],
  mobile: [MobileController],
  'functions-sample': [FunctionController, ExchangeController],
};

/** The routes of Microsoft's samples that COMPATIBILITY names, over the services of the other routes. */
@Module({})
export class CompatibilityModule {
  static forRoot(environment: Environment): DynamicModule {
    const { COMPATIBILITY } = environment;
    const values = readSettings([compatibilitySettings], { COMPATIBILITY });
    const { samples } = values.get(compatibilitySettings.key) as CompatibilitySettings; // read by its own schema
    return {
      module: CompatibilityModule,
      imports: [IdentityMappingModule, TokenIssuanceModule],
      controllers: samples.flatMap((sample) => CONTROLLERS[sample]),
      providers: [SampleTokens, TokenRequestPipe, ScopeParameterPipe],
    };
  }
}
