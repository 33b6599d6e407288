/**
 * The policy when no file is configured: every caller with the permission gets any scope, for as long
 * as ACS allows. Operators can start their own policy from it.
 */
export const BUILT_IN_POLICY = `# Issuance policy of the communication identity service: docs/issuance-policy.md
version: 1

scopes:
  # Calls between identities, and chat, end with ACS as an offering of its own. Joining a Teams meeting stays.
  voip: { sunset: 2028-09-30 }
  voip.join: {}
  chat: { sunset: 2028-09-30 }
  chat.join: { sunset: 2028-09-30 }
  chat.join.limited: { sunset: 2028-09-30 }

rules:
  - name: default
    when: anyone
    allow:
      scopes: [voip, voip.join, chat, chat.join, chat.join.limited]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 1440 }
      teamsTokens: true
      # Refused all the same unless CLIENT_EXCHANGES enables them.
      exchanges: [teams-extension, entra]
`;
