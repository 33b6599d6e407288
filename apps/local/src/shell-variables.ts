type Variables = Readonly<Record<string, string | undefined>>;

/** What the shell may set otherwise. All else that `npm start` sets depends on its ports and keys. */
const CHOICES = [
  'AUDIT_CHECKPOINT_FILE',
  'AUDIT_LOG_ORIGIN',
  'ENTRA_ALLOWED_TENANT_IDS',
  'ENTRA_BOT_CLIENT_APPS',
  'IDENTITY_LINK_TENANTS',
];

/** Of these, the value of the shell is a part of the api's. */
const TAKEN_OVER = ['ALLOWED_ORIGINS', 'DATABASE_URL', 'PORT'];

/** @param variables that the local environment sets @returns those of them that the shell sets otherwise */
export function choicesOf(shell: Variables, variables: Variables): Record<string, string> {
  return Object.fromEntries(
    CHOICES.flatMap((name) => {
      const value = shell[name];
      return value === undefined || !(name in variables) ? [] : [[name, value]];
    }),
  );
}

/** @param names of the settings of the api @returns those of them that the shell sets, and the api takes */
export function settingsIn(shell: Variables, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = shell[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** @returns the names of variables of the shell that have no effect, because `npm start` sets them */
export function ignoredNames(shell: Variables, variables: Variables): readonly string[] {
  return Object.entries(variables)
    .filter(([name, value]) => Boolean(shell[name]) && shell[name] !== value)
    .map(([name]) => name)
    .filter((name) => !CHOICES.includes(name) && !TAKEN_OVER.includes(name));
}
