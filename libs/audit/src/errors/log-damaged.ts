/**
 * The stored log is not the one that was there before: changed, cut or put back from a backup.
 * Nothing is appended to it, since signing it would prove this log false. For operators.
 */
export class LogDamaged extends Error {
  constructor(
    readonly finding: string,
    options?: ErrorOptions,
  ) {
    super(`the audit log is damaged: ${finding}; run acs-identity audit verify`, options);
    this.name = 'LogDamaged';
  }
}
