import { z } from 'zod';
import { ADVANCED, defineSettings, integer, secretName, type SettingsOf } from '#libs/platform';

export const visitorSettings = defineSettings(
  'visitors',
  z.object({
    VISITOR_KEY_SECRET: secretName()
      .optional()
      .describe(
        'name of the secret that signs invitations of visitors, 32 random bytes in base64, such as invitation-key; not set: nobody can invite visitors, and the routes do not exist (docs/visitors.md)',
      ),
    VISITOR_GRACE_MINUTES: integer(0, 10_080)
      .prefault('15')
      .describe(
        'minutes after the expiry of its token at which the identity of a visitor is deleted at ACS, 0 to 10080',
      )
      .meta(ADVANCED),
    VISITOR_TOKENS_PER_ADDRESS_PER_MINUTE: integer(0, 1_000_000)
      .prefault('30')
      .describe(
        'tokens per minute that visitors of one address (IPv6: of one /64 network) may request with genuine invitations, over all replicas; above it they get 429; 0 for no limit',
      )
      .meta(ADVANCED),
    VISITOR_TOKENS_PER_INVITATION_PER_MINUTE: integer(0, 1_000_000)
      .prefault('300')
      .describe(
        'tokens per minute that may be requested with one invitation, over all replicas; above it visitors get 429; 0 for no limit',
      )
      .meta(ADVANCED),
  }),
  (variables) => ({
    keySecret: variables.VISITOR_KEY_SECRET,
    graceMs: variables.VISITOR_GRACE_MINUTES * 60_000,
    perAddress: variables.VISITOR_TOKENS_PER_ADDRESS_PER_MINUTE,
    perInvitation: variables.VISITOR_TOKENS_PER_INVITATION_PER_MINUTE,
  }),
);

export type VisitorSettings = SettingsOf<typeof visitorSettings>;
