import { readFileSync } from 'node:fs';
import { TileDirectory } from '#libs/audit';
import { progressBar } from '../progress-bar.js';
import { HttpLog } from './http-log.js';

export interface CopyOptions {
  readonly url: string;
  readonly folder: string;
  readonly tokenFile?: string;
  readonly token?: string;
}

/** Copies the log as files, with nothing but a token. */
export async function copyLog({ url, folder, tokenFile, token }: CopyOptions): Promise<void> {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Error('--url must be like https://identity.example.com.');
  }
  const bearer = tokenFile === undefined ? token : readFileSync(tokenFile, 'utf8').trim();
  const bar = progressBar('entries');
  const log = new HttpLog(url, bearer);
  const size = await new TileDirectory(folder).copy(log, bar.show).finally(bar.end);
  console.log(`The copy has ${size} entries.`);
}
