import {
  canonicalCommunicationUserId,
  type CommunicationUserId,
} from '../ids/communication-user-id.js';

/** The canonical form of a communication user id. @throws for any other text */
export function communicationUserIdOf(text: string): CommunicationUserId {
  const id = canonicalCommunicationUserId(text);
  if (id === undefined) throw new Error(`${text} is not a communication user id`);
  return id;
}
