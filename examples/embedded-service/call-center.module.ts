import { type DynamicModule, Module } from '@nestjs/common';
import { type CompositionOptions, type Environment, ServiceModule } from '#libs/composition';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { CallCenterService } from './call-center.service.js';

/** A Nest application that contains the service, with the same policy, budget and audit log. */
@Module({
  imports: [TokenIssuanceModule],
  providers: [CallCenterService],
  exports: [CallCenterService],
})
export class CallCenterModule {
  static forRoot(environment: Environment, options?: CompositionOptions): DynamicModule {
    return {
      module: CallCenterModule,
      imports: [ServiceModule.forRoot(environment, options)],
    };
  }
}
