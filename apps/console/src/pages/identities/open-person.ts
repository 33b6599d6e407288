import { go } from '../../shell/address.js';
import { USER_ID, UUID } from '../../shell/id-forms.js';

/** Shows the identities of a person. Names and subjects are of a person: they are not part of the address. */
export function openPerson(person: string): void {
  if (person === '') return;
  if (UUID.test(person) || USER_ID.test(person))
    go({ page: 'identities', parameters: new URLSearchParams({ person }) });
  else go({ page: 'identities', personal: { person } });
}
