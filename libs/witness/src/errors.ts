/** Another process serves the witness of this folder. For operators. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';

  constructor(folder: string, options?: ErrorOptions) {
    super(`another process uses the witness in ${folder}: only one at a time may`, options);
  }
}

/** The folder has no key of a witness. For operators. */
export class NoWitnessKey extends Error {
  override readonly name = 'NoWitnessKey';

  constructor(file: string, options?: ErrorOptions) {
    super(
      `${file} is no key of a witness: make one with acs-identity audit witness create`,
      options,
    );
  }
}

/** The folder has a key already, which nothing may replace. For operators. */
export class WitnessKeyExists extends Error {
  override readonly name = 'WitnessKeyExists';

  constructor(file: string, options?: ErrorOptions) {
    super(
      `${file} exists already. Verifiers know its key: choose another folder for another one.`,
      options,
    );
  }
}
