import { type DynamicModule, Module } from '@nestjs/common';
import { AuthenticationModule } from '#libs/authentication';
import type { Environment } from '#libs/composition';
import { readSettings } from '#libs/platform';
import { VisitorsModule, visitorSettings, type VisitorSettings } from '#libs/visitors';
import { InvitationsController } from './invitations.controller.js';
import { VisitorsController } from './visitors.controller.js';

/** The routes of invitations and visitors, if VISITOR_KEY_SECRET names the key of invitations. */
@Module({})
export class VisitorRoutesModule {
  static forRoot(environment: Environment): DynamicModule {
    const { VISITOR_KEY_SECRET } = environment;
    const values = readSettings([visitorSettings], { VISITOR_KEY_SECRET });
    const { keySecret } = values.get(visitorSettings.key) as VisitorSettings; // read by its own schema
    if (keySecret === undefined) return { module: VisitorRoutesModule };
    return {
      module: VisitorRoutesModule,
      imports: [AuthenticationModule, VisitorsModule],
      controllers: [InvitationsController, VisitorsController],
    };
  }
}
