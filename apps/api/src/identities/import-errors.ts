import { ServiceError } from '#libs/platform';

/** An import's body is not newline-delimited JSON, or does not say so. */
export class UnsupportedImportType extends ServiceError {
  override readonly code = 'unsupported-import-type';
  override readonly status = 415;
  override readonly title = 'The request body is not newline-delimited JSON';

  constructor() {
    super('Send one JSON object a line with the header content-type: application/x-ndjson.');
  }
}
