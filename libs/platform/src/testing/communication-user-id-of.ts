import { canonicalCommunicationUserId, type CommunicationUserId } from '../ids/guid.js';

/** The canonical form of the id of an ACS user. @throws for any other text */
export function communicationUserIdOf(text: string): CommunicationUserId {
  const id = canonicalCommunicationUserId(text);
  if (id === undefined) throw new Error(`${text} is not the id of an ACS user`);
  return id;
}
