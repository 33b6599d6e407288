/** What a fragment says, such as `#/search?outcome=denied`. */
export interface Fragment {
  readonly page: string;
  /** The part after the page: `#/identities/<id>`. */
  readonly id: string | undefined;
  readonly parameters: URLSearchParams;
}

/** Reads any fragment, also of a link that was cut. An entry, `#/entry/<id>`, is shown beside the search that it is in. */
export function parseFragment(fragment: string): Fragment {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page = '', part = ''] = path.split('/');
  const parameters = new URLSearchParams(query);
  if (parameters.get('entry') === '') parameters.delete('entry');
  const id = part === '' ? undefined : decoded(part);
  if (page !== 'entry') return { page, id, parameters };
  if (id !== undefined) parameters.set('entry', id);
  return { page: 'search', id: undefined, parameters };
}

/** A text that is cut within `%C3%A9` stays as it is: nothing has it as its id. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
