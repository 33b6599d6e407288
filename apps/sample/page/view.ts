/** The elements of index.html that the page changes. */
interface Elements {
  readonly 'failure-action': HTMLButtonElement;
  readonly 'pause-progress': HTMLProgressElement;
  readonly copy: HTMLButtonElement;
  readonly refresh: HTMLButtonElement;
  readonly show: HTMLButtonElement;
  readonly 'sign-in': HTMLButtonElement;
  readonly 'sign-out': HTMLButtonElement;
}

type TypeOf<Id> = Id extends keyof Elements ? Elements[Id] : HTMLElement;

export function element<Id extends string>(id: Id): TypeOf<Id> {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element #${id}.`);
  return found as TypeOf<Id>; // by index.html
}

export function setShown(id: string, isShown: boolean): void {
  element(id).hidden = !isShown;
}

/** Fills a definition list. */
export function setFacts(id: string, facts: readonly (readonly [string, string])[]): void {
  const parts = facts.flatMap(([name, value]) => {
    const [term, description] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    description.textContent = value;
    return [term, description];
  });
  element(id).replaceChildren(...parts);
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** @param at in ms of the epoch; with the day unless that is today */
export function clockTime(at: number): string {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return (isToday ? clock : date).format(at);
}

/** Such as `59 min 8 s`, or `1 h`. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const parts = [
    [hours, 'h'],
    [minutes, 'min'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([value, unit]) => value > 0 || (seconds === 0 && unit === 's'))
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}
