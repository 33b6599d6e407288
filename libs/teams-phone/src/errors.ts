import { problem } from '#libs/platform';

/** There is no such assignment here. ACS may have one that was made elsewhere. */
export class AssignmentNotFound extends problem(
  'teams-phone-assignment-not-found',
  404,
  'There is no such assignment',
  'This principal has no Teams Phone assignment that was made through this service.',
) {}

/** Another caller has changed the assignment meanwhile. */
export class AssignmentChanged extends problem(
  'teams-phone-assignment-changed',
  409,
  'The assignment has changed meanwhile',
  'Another caller has changed this Teams Phone assignment meanwhile. Read it, and repeat the request.',
) {}

/** ACS has not confirmed that the tokens of the assignment are revoked: until then, there are no new ones. */
export class AssignmentPending extends problem(
  'teams-phone-assignment-pending',
  503,
  'The assignment is being changed',
  'Azure Communication Services has not confirmed an earlier change of this assignment. Repeat the request.',
  { retryAfterSeconds: 5 },
) {}

/** Somebody who is suspended or being deleted gets no assignment. */
export class AssigneeNotActive extends problem(
  'teams-phone-assignee-not-active',
  409,
  'The identity of this person is not active',
  'The identity of this person is suspended or being deleted, so that it gets no Teams Phone assignment.',
) {}
