import { randomBytes } from 'node:crypto';

/** Values that must not be emitted, each of which names the place where it was put. */
export class PlantedValues {
  readonly #places = new Map<string, string>();

  /** A secret without a known shape. */
  secret(place: string): string {
    return this.add(place, `s3cr3t-${randomBytes(12).toString('hex')}`);
  }

  /** The name of a person, as one word that fits into any syntax. */
  person(place: string): string {
    return this.add(place, `Petra-Planted-${randomBytes(6).toString('hex')}`);
  }

  email(place: string): string {
    return this.add(place, `petra.${randomBytes(6).toString('hex')}@planted.example`);
  }

  /** A value that somebody else has made, such as a token. */
  add(place: string, value: string): string {
    this.#places.set(value, place);
    return value;
  }

  /** The places whose values are in the texts, with what is before each in its text. */
  foundIn(texts: readonly string[]): string[] {
    const found = [...this.#places].flatMap(([value, place]) => {
      const text = texts.find((one) => one.includes(value));
      if (text === undefined) return [];
      return [`${place}, after ${text.slice(0, text.indexOf(value)).slice(-160)}`];
    });
    return [...new Set(found)];
  }
}
