import { readFileSync } from 'node:fs';
import { TileDirectory } from '#libs/audit';
import { openCheckpoint } from '#libs/transparency-log';
import { counted } from '../counted.js';
import { outboundHttp } from '../outbound.js';
import { progressBar } from '../progress-bar.js';
import { HttpLog } from './http-log.js';
import { hasKeys, type KeyOptions, readVerificationKeys } from './verification-keys.js';
import { print } from '../../standard-output.js';

export interface CopyOptions extends KeyOptions {
  readonly url: string;
  readonly folder: string;
  readonly tokenFile?: string;
  readonly token?: string;
}

/** Copies the log as files, with nothing but a token. */
export async function copyLog(options: CopyOptions): Promise<void> {
  const { url, folder, tokenFile, token } = options;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Error('--url must be like https://identity.example.com.');
  }
  const bearer = tokenFile === undefined ? token : readFileSync(tokenFile, 'utf8').trim();
  const bar = progressBar('entries');
  const log = new HttpLog(url, bearer, outboundHttp());
  const keys = hasKeys(options) ? readVerificationKeys(options) : undefined;
  const open =
    keys &&
    ((note: string, isHeld: boolean) =>
      openCheckpoint(note, { ...keys, retired: isHeld ? keys.retired : [] }).checkpoint);
  const size = await new TileDirectory(folder).copy(log, bar.show, open).finally(bar.end);
  print(`The copy has ${counted(size, 'entry', 'entries')}.`);
}
