import { describe, expect, it } from 'vitest';
import { webOrigins } from './setting-fields.js';

function faultsOf(text: string): string[] {
  return (
    webOrigins()
      .safeParse(text)
      .error?.issues.map(({ message }) => message) ?? []
  );
}

describe('webOrigins', () => {
  it.each([
    ['nothing', '', []],
    ['several', 'https://a.example,https://b.example', ['https://a.example', 'https://b.example']],
    ['white space and empty ones', ' https://a.example , ,', ['https://a.example']],
    ['capitals', 'HTTPS://App.Example', ['https://app.example']],
    ['a final slash', 'https://a.example/', ['https://a.example']],
    ['the default port', 'https://a.example:443', ['https://a.example']],
    ['another port', 'https://a.example:8443', ['https://a.example:8443']],
    ['a name with an umlaut', 'https://bücher.example', ['https://xn--bcher-kva.example']],
    ['one twice', 'https://a.example,https://A.example/', ['https://a.example']],
    ['http on localhost', 'http://localhost:5173', ['http://localhost:5173']],
    ['http on 127.0.0.1', 'http://127.0.0.1', ['http://127.0.0.1']],
    ['http on ::1', 'http://[::1]:80', ['http://[::1]']],
    ['http on a name below localhost', 'http://app.localhost', ['http://app.localhost']],
  ])('reads %s as browsers send it', (_what, text, origins) => {
    expect(webOrigins().parse(text)).toEqual(origins);
  });

  it.each([
    ['*', /wildcard/],
    ['https://*.example', /wildcard/],
    ['null', /null/],
    ['app.example', /must be an origin/],
    ['localhost:5173', /must be an origin/],
    ['//app.example', /must be an origin/],
    ['file:///', /must be an origin/],
    ['ftp://app.example', /must be an origin/],
    ['javascript:alert(1)', /must be an origin/],
    ['["https://app.example"]', /must be an origin/],
    ['https://', /must be an origin/],
    ['http://app.example', /must begin with https/],
    ['http://localhost.example', /must begin with https/],
    ['http://127.0.0.1.example', /must begin with https/],
    ['https://app.example/page', /no path/],
    ['https://app.example//', /no path/],
    ['https://app.example?', /no path, query/],
    ['https://app.example/#', /no path, query, fragment/],
    ['https://user@app.example', /credentials/],
    ['https://:secret@app.example', /credentials/],
  ])('refuses %s', (text, fault) => {
    expect(faultsOf(text)).toEqual([expect.stringMatching(fault)]);
  });

  it('says which of several is wrong, without its text', () => {
    expect(faultsOf('https://a.example,https://b.example/secret,http://c.example')).toEqual([
      'origin 2 of 3 must have no path, query, fragment or credentials',
      expect.stringMatching(/^origin 3 of 3 must begin with https/),
    ]);
  });
});
