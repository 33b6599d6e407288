import { identityFields } from '#libs/identity-mapping';
import type { CanonicalName } from '#libs/platform';

const OPTIONS = {
  tenant: '--tenant',
  recordedSubject: '--subject',
  clientApp: '--client-app',
} as const;

/**
 * The value of an option that names a tenant, a person or an application, in its one form.
 *
 * @throws Error for a text that names none, as the api refuses it
 */
export function nameOption(field: keyof typeof OPTIONS, text: string): CanonicalName {
  const parsed = identityFields[field].safeParse(text);
  if (parsed.success) return parsed.data;
  throw new Error(`${OPTIONS[field]} ${parsed.error.issues[0]?.message}.`);
}
